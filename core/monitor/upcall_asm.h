// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// upcall_asm.h - enum upcall's UPCALL_THREAD for assembly; upcall.c asserts that they agree.
#define UPCALL_THREAD_ASM 1
