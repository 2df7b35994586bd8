// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// debug_none.c - no subcommands of DEBUG besides those of saves.c.
#include "commands.h"

bool debug_further(struct request *request) {
    (void)request;
    return false;
}
