// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// out.h - what the shell prints: lines gathered into few calls of the console.
//
//   out_line, out_prompt, out_flush    text
//   out_name, out_size, out_duration   parts of it
//
// Invariant: a call of the console has whole lines, so that those of others come between them and not into them; only
// the prompt ends without a newline. A console that fails is no reason to stop: nothing is returned.
#ifndef SHELL_OUT_H
#define SHELL_OUT_H

#include <stddef.h>
#include <stdint.h>

#define OUT_LINE_MAX 160       // characters, newline included; the rest is cut
#define OUT_WIDTH 80           // what tables keep to

// Adds a formatted line. May write out earlier ones.
void out_line(const char *fmt, ...) __attribute__((__format__(printf, 1, 2)));
// Adds the prompt, or ends the line that it stands on.
void out_prompt(void);
void out_prompt_end(void);
// Writes out what was gathered.
void out_flush(void);

// A name that came through shared memory, of which room bytes are ours: terminated, and nothing in it but letters,
// digits and '_', since a hostile domain could have put escape sequences there. Returns name.
const char *out_name(char *name, size_t room);
// The same for a text: what is not printable becomes '?'.
const char *out_text(char *text, size_t room);
// "512 B", "64 KiB", "3.2 MiB", "0" in at most 11 characters. Returns out.
#define OUT_SIZE_BYTES 12
const char *out_size(char out[OUT_SIZE_BYTES], uint64_t bytes);
// "3 days, 02:03:04", "00:00:07". Returns out.
#define OUT_DURATION_BYTES 40
const char *out_duration(char out[OUT_DURATION_BYTES], uint64_t ns);

#endif
