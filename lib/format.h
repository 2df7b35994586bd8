// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// format.h - text from values.
//
//   %s %.*s %.Ns %c %%                         text
//   %d %u %x %X, with l, ll, z, h or hh        integers;  %p  pointer, with 0x
//   width, '*' as width, '-' (left), '0' (zero pad), precision for %s only
//
// Invariant: never writes beyond room, and always ends the text with NUL when room > 0.
// It does not know floating point (domains have no vector registers), %n or locales.
#ifndef LIB_FORMAT_H
#define LIB_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

// Writes the text, cut to room - 1 characters. Returns the characters written, without the NUL. An unknown conversion
// is a programming error and faults.
size_t format(char *out, size_t room, const char *fmt, ...) __attribute__((__format__(printf, 3, 4)));
size_t format_v(char *out, size_t room, const char *fmt, va_list arguments) __attribute__((__format__(printf, 3, 0)));

#endif
