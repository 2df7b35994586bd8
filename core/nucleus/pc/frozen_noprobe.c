// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// frozen_noprobe.c - descriptor tables are read-only for their drivers: the defence itself.
#include "pc.h"

const bool table_is_frozen = true;
