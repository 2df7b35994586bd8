// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// anchors.h - what the gates find in the slots: the part of both nuclei that is the same.
//
// Interface: anchors_prepare (empty stacks for a thread), anchors_save and anchors_load (the two halves of a switch),
// tokens_draw (once, at boot). And what recovery does with them (nucleus.h).
#ifndef NUCLEUS_ANCHORS_H
#define NUCLEUS_ANCHORS_H

#include <stdint.h>
#include "domain.h"
#include "public.h"
#include "slots_asm.h"

void anchors_prepare(uint32_t thread);
void anchors_save(uint32_t thread);
void anchors_load(uint32_t thread);
void anchors_set(uint32_t thread, uint32_t domain, uint64_t sp); // of a thread that does not run
uint64_t anchors_get(uint32_t thread, uint32_t domain);
void tokens_draw(void);
void slots_restore(uint32_t domain);          // of a frozen domain, beside its tokens

#endif
