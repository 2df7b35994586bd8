// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// hungry.c - see hungry.h.
#include "hungry.h"
#include "boot.h"
#include "eater.h"
#include "log.h"

int hungry_run(void) {
    int result = eater_eat(boot_number("eat", 0));
    log_line("hungry: %d", result);
    return 0;
}
