// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// stdio.h - nothing: lwIP 2.2 includes <stdio.h> for debug output that is not compiled here.
