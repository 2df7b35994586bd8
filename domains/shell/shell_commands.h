// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// shell_commands.h - the shell's commands, by the file that has them. Each prints; none returns anything or keeps
// state.
#ifndef SHELL_SHELL_COMMANDS_H
#define SHELL_SHELL_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

// shell.c: executes one line, which it cuts up
void shell_execute(char *text);

// system.c: what there is, and its end
void command_domains(void);
void command_gates(void);
void command_uptime(void);
void command_reboot(void);
void command_shutdown(void);

// The name of a domain, "?" for an id that is none. Valid until the next command.
const char *domain_name(uint32_t domain);
// Asks for the names again; a command that shows them does so first.
void domains_load(void);

// further_none.c, inject/further_inject.c: commands that an option adds; execute: false when name is none of them
void further_help(void);
bool further_execute(const char *name, char *rest);

// threads.c
void command_threads(void);
// heap.c
void command_heap(void);
void command_sites(void);
// network.c
void command_ifconfig(void);
// faults.c
void command_faults(void);

#endif
