// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// further_inject.c - CONFIG_FAULT_INJECTION: the command inject. Everything about it: core/include/inject.h.
#include "inject.h"
#include "format.h"
#include "line.h"
#include "out.h"
#include "shell_commands.h"
#include "string.h"

#define KINDS_COLUMNS 6

static void kinds_list(void) {
    char text[OUT_LINE_MAX];
    size_t at = 0;
    out_line("inject <component> <kind> [call n | tick | after ms] [argument]; the kinds:");
    for (uint32_t kind = 1; kind < INJECT_KINDS; kind++) {
        at += format(text + at, sizeof(text) - at, "  %-12s", inject_kind_name(kind));
        if (kind % KINDS_COLUMNS && kind + 1 < INJECT_KINDS)
            continue;
        out_line("%s", text);
        at = 0;
    }
    out_line("also: inject random <seed> <every ms> [kinds [components]], inject pending, inject canaries");
}

void further_help(void) { out_line("%-10s %s", "inject", "have a component go wrong; by itself: how"); }

bool further_execute(const char *name, char *rest) {
    if (strcmp(name, "inject"))
        return false;
    char *words[INJECT_WORDS_MAX];
    uint32_t count = rest ? line_words(rest, words, INJECT_WORDS_MAX) : 0;
    int number;
    const char *wrong = count ? inject_request(count, (const char *const *)words, &number) : NULL;
    if (!count)
        kinds_list();
    else if (wrong)
        out_line("%s", wrong);
    else if (number >= 0)
        out_line("%d", number);
    return true;
}
