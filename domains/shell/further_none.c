// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// further_none.c - no commands besides those of shell.c.
#include "shell_commands.h"

void further_help(void) {}

bool further_execute(const char *name, char *rest) {
    (void)name;
    (void)rest;
    return false;
}
