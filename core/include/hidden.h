// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// hidden.h - included before every source file: all symbols, declared ones too, are hidden.
//
// So that the compiler reaches extern data and functions RIP-relatively, and the image needs no GOT (a table of
// pointers that somebody could overwrite). It has no end: the whole file is meant.
#pragma GCC visibility push(hidden)
