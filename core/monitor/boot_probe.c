// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// boot_probe.c - CONFIG_TEST_PROBE: probe=DOMAIN:ADDRESS:KIND makes that domain fault (lib/probe.c), after the inits.
#include "boot.h"
#include "monitor.h"
#include "string.h"

extern int (*const probe_table[])(uintptr_t address, uint32_t kind);

static uint64_t hexadecimal(const char *text, const char **end) {
    uint64_t value = 0;
    if (text[0] == '0' && text[1] == 'x') text += 2;
    for (;; text++) {
        uint32_t digit = *text >= '0' && *text <= '9' ? (uint32_t)(*text - '0')
                       : *text >= 'a' && *text <= 'f' ? (uint32_t)(*text - 'a') + 10 : 16;
        if (digit == 16) break;
        value = value << 4 | digit;
    }
    *end = text;
    return value;
}

void monitor_probe(void) {
    char value[128];
    if (!boot_argument("probe", value, sizeof value)) return;
    char *colon = memchr(value, ':', strlen(value));
    if (!colon) say("PANIC monitor: probe=%s is not DOMAIN:ADDRESS:KIND\n", value), monitor_stop(64);
    *colon = 0;
    const char *rest;
    uint64_t address = hexadecimal(colon + 1, &rest);
    uint32_t kind = rest[0] == ':' ? (uint32_t)rest[1] : 'r';
    for (uint32_t d = DOMAIN_FIRST; d < domain_count; d++) {
        // On backend none every component's name stands for the one domain.
        if (strcmp(domain_table[d].name, value) && domain_count > DOMAIN_FIRST + 1) continue;
        int error = probe_table[d](address, kind);
        say("PROBE ok %s %d\n", value, error);
        monitor_stop(0);
    }
    say("PANIC monitor: probe=%s names no domain of this image\n", value);
    monitor_stop(64);
}
