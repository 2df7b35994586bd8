// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// log.h - lines for people.
//
// log_line() formats into private memory and calls console_write(): the domain gets an edge to console.
// It does not buffer: for rare events only.
#ifndef LIB_LOG_H
#define LIB_LOG_H

#define LOG_LINE_MAX 256 // characters, newline included; the rest is cut

// Writes the text and a newline as one piece. A console that fails is no reason to fail: nothing is returned. One
// that died is asked once more.
void log_line(const char *fmt, ...) __attribute__((__format__(printf, 1, 2)));

#endif
