// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// console.h - the machine's one text output (host: standard output; pc: the serial port).
//
// Interface: console_write. For formatted lines use log_line() of lib/log.h.
// Serial: the text of one call is never mixed with that of another one.
// It does not read keys, and it does not serve the monitor's reports, which the nucleus writes directly.
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdint.h>
#include <stddef.h>
#include "gate.h"
#include "errors.h"

#define CONSOLE_WRITE_MAX 4096

// Called by the monitor. Returns 0.
GATE(console) int console_init(uint32_t generation, int persist_valid);

// Writes bytes of text, whole, in one piece. Blocks while the device takes nothing, for at most a second.
// Returns 0; -EINVAL for more than CONSOLE_WRITE_MAX bytes; -ENOMEM when the shared heap is exhausted; -EIO when the
// device fails or stays busy (then a part may have been written); -ENODEV when the platform has no console.
BLOCKS GATE(console) int console_write(lend_in(bytes) const char *text, size_t bytes);

#endif
