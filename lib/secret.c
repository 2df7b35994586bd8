// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// secret.c - see secret.h. Private memory and registers only: nothing of a secret passes through the shared heap.
#include "entropy.h"
#include "log.h"
#include "persist.h"
#include "public.h"
#include "secret.h"
#include "siphash.h"

// Two hashes, so that each half depends on all of boot_random and on the counter's low bits.
static void secret_guess(uint64_t secret[2]) {
    const uint64_t known[2] = {public_area.boot_random[0], public_area.boot_random[1]};
    for (int i = 0; i < 2; i++) {
        const uint64_t more[2] = {public_area.boot_random[2 + i], __builtin_ia32_rdtsc()};
        secret[i] = siphash_2_4(known, more, sizeof(more));
    }
}

#define DEATHS_MAX 3

int secret_draw(const char *who, uint64_t secret[2]) {
    static PERSISTENT uint32_t deaths; // starts in a row that met a dead source
    for (int i = 0; i < 2; i++) {
        const int64_t first = entropy_word(), second = entropy_word(); // 63 bits each
        const int64_t error = first < 0 ? first : second;
        if (error == -EDOMAINDEAD && deaths++ < DEATHS_MAX)
            return -EDOMAINDEAD;
        if (error < 0) {
            log_line("%s: no source of entropy (error %ld): another domain could guess its secret", who, -error);
            secret_guess(secret);
            return 0;
        }
        secret[i] = (uint64_t)first << 1 ^ (uint64_t)second;
    }
    deaths = 0;
    return 0;
}
