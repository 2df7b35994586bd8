// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// inject_kinds.c - enum inject_kind in words (core/include/inject.h).
#include "inject.h"

const char *inject_kind_name(uint32_t kind) {
    static const char names[INJECT_KINDS][16] = {
        "?", "read", "write", "unmapped", "stack", "illegal", "privileged", "noncanonical", "divide", "alignment",
        "breakpoint", "step", "data", "zero", "stack-zero", "stack-wild", "stack-foreign", "loop", "never", "busy",
        "double-free", "quota", "wild", "argument", "result", "leak", "slow", "init", "syscall", "die",
        "frames",
    };
    return names[kind < INJECT_KINDS ? kind : INJECT_NONE];
}
