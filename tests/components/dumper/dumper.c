// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// dumper.c - see dumper.h.
#include "boot.h"
#include "dumper.h"
#include "fs.h"
#include "golden.h"
#include "log.h"
#include "string.h"

static const char path[] = "/dump.kv";

int dumper_init(uint32_t generation, int persist_valid) {
    static unsigned char bytes[sizeof(golden)];
    char what[16] = "";
    (void)generation;
    (void)persist_valid;
    memcpy(bytes, golden, sizeof(golden));
    if (!boot_argument("dump", what, sizeof(what)))
        return 0;
    bytes[sizeof(golden) / 2] ^= !strcmp(what, "damaged");
    fs_file_t file = fs_open(path, sizeof(path) - 1, FS_WRITE | FS_CREATE);
    int64_t written = file < 0 ? file : fs_write(file, bytes, strcmp(what, "cut") ? sizeof(golden) : sizeof(golden) / 2);
    int closed = file < 0 ? file : fs_close(file);
    log_line("DUMPER %s: %ld bytes", what, written);
    return written < 0 ? (int)written : closed;
}
