// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// evidence.h - what was inconsistent after a restart is saved before it is scrubbed; private to fs.
#ifndef FS_EVIDENCE_H
#define FS_EVIDENCE_H

#include "ram.h"

#define EVIDENCE_PATH_BYTES 40

// Copies what ram_reopen() refused, before ram_open() makes that memory new.
void evidence_take(const struct ram_evidence *found);
// Makes it a file, once the new file system is mounted; path becomes its name. False when there is no room.
bool evidence_save(uint32_t generation, const char *why, const struct ram_evidence *found,
                   char path[EVIDENCE_PATH_BYTES]);

#endif
