// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// frozen_noprobe.c - descriptor tables are read-only for their drivers, and a dead driver's device is reset: the
// defences themselves.
#include "pc.h"

const bool table_is_frozen = true, device_is_reset = true;
