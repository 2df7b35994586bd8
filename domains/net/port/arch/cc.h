// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// cc.h - what lwIP asks about the compiler and the platform.
//
// Freestanding: no header of a hosted libc beyond what port/ provides. A failed assertion of lwIP is an invariant of
// this domain, so it faults (#UD) and the domain is restarted; nothing is printed by lwIP itself.
#ifndef NET_PORT_CC_H
#define NET_PORT_CC_H

#include <stdint.h>
#include <stddef.h>

#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_LIMITS_H 1
#define LWIP_NO_UNISTD_H 1
#define LWIP_NO_CTYPE_H 1
#define INT_MAX __INT_MAX__
#define X8_F "02x"
#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define SZT_F "zu"

#define LWIP_PLATFORM_DIAG(text) ((void)0)
#define LWIP_PLATFORM_ASSERT(text) __builtin_trap()

uint32_t net_random(void); // random.c
#define LWIP_RAND() net_random()

// x86 does both in one instruction.
#define lwip_htons(value) __builtin_bswap16(value)
#define lwip_htonl(value) __builtin_bswap32(value)

#endif
