// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// frozen_noprobe.c - the receive queue's descriptor table is read-only for its driver: the defence itself.
#include "pc.h"

const bool table_is_frozen = true;
