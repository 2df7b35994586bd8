// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// console.h - the machine's one text output and input (host: standard output and input; pc: the serial port).
//
// Interface: console_write, console_read. For formatted lines use log_line() of lib/log.h.
// Serial: the text of one call is never mixed with that of another one, and one thread at a time reads.
// It neither echoes nor edits (a terminal does both), and it does not serve the monitor's reports, which the nucleus
// writes directly.
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdint.h>
#include <stddef.h>
#include "gate.h"
#include "errors.h"

#define CONSOLE_WRITE_MAX 4096
#define CONSOLE_READ_MAX 4096

// Called by the monitor. Returns 0.
GATE(console) int console_init(uint32_t generation, int persist_valid);

// Writes bytes of text, whole, in one piece. Blocks while the device takes nothing, for at most a second.
// Returns 0; -EINVAL for more than CONSOLE_WRITE_MAX bytes; -ENOMEM when the shared heap is exhausted; -EIO when the
// device fails or stays busy (then a part may have been written); -ENODEV when the platform has no console.
BLOCKS GATE(console) int console_write(lend_in(bytes) const char *text, size_t bytes);

// Waits for input, and takes what is there, at most bytes (1..CONSOLE_READ_MAX): from a terminal a line, from
// elsewhere any piece. Blocks for as long as nothing comes; writers are not kept from writing meanwhile, and no time
// passes in polling. Returns how many bytes text got (> 0), or 0 when the input has ended, now and for ever; -EINVAL
// for bytes out of range; -EBUSY while another thread reads; -ENOMEM when the shared heap is exhausted; -EIO when the
// device fails, once: then it has ended; -ENODEV when the platform has no input, or the driver was started anew after
// its end.
BLOCKS GATE(console) int console_read(lend_out(bytes) char *text, size_t bytes);

#endif
