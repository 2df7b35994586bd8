// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// gates_host_none.S - backend none: see none.S.
#include "none.S"
