// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// shell.h - commands on the console, for whoever runs the system.
//
// Interface: none but its thread. It reads lines with console_read(), and shows what the monitor, the owner table and
// net tell about themselves (core/include/system.h, xheap.h, net.h). It decides nothing, keeps nothing, and has no
// rights besides its edges; two of these end the system or start it anew.
#ifndef SHELL_H
#define SHELL_H

#include <stdint.h>
#include "gate.h"
#include "errors.h"

// Reads and executes until the input ends, then sleeps for ever: the end of its input is not the end of the system,
// and a thread that returns would be that under exit=thread. Priority: above the servers, so that it answers also
// while they are busy.
THREAD(shell, 12) int shell_main(void);

#endif
