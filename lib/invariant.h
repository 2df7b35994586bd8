// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// invariant.h - two checks, and nothing else.
//
//   invariant(e)     always compiled in; when e is false the domain faults (#UD), is reported and restarted
//   debug_assert(e)  the same, but only in builds with CONFIG_DEBUG
//
// For programming errors only: a run-time condition returns a code instead. Never put a side effect inside.
#ifndef LIB_INVARIANT_H
#define LIB_INVARIANT_H

#define invariant(expression) ((void)(__builtin_expect(!!(expression), 1) ? 0 : (__builtin_trap(), 0)))

#ifdef CONFIG_DEBUG
#define debug_assert(expression) invariant(expression)
#else
#define debug_assert(expression) ((void)sizeof(!!(expression)))
#endif

#endif
