// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// string.h - the memory and string functions of C11 that domains use, and that gcc calls by itself.
//
// Semantics are those of the standard. Pure: no state, no allocation, general registers only.
// It does not have strcpy, strcat and their kind: use format() or memcpy() with a length.
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *left, const void *right, size_t bytes);
void *memchr(const void *where, int value, size_t bytes);
size_t strlen(const char *text);
size_t strnlen(const char *text, size_t room);
int strcmp(const char *left, const char *right);
int strncmp(const char *left, const char *right, size_t bytes);
char *strchr(const char *text, int character);

#endif
