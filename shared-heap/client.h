// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// client.h - the lock of a domain's copy of the heap's client half (client.c), for client_pass.c.
#ifndef SHARED_HEAP_CLIENT_H
#define SHARED_HEAP_CLIENT_H

#include "lock.h"
#include "xheap.h"

void client_lock(void);
void client_unlock(void);

#endif
