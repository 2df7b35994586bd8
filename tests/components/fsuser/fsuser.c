// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// fsuser.c - see fsuser.h.
#include "fs.h"
#include "fsuser.h"
#include "log.h"
#include "string.h"
#include "xheap.h"

static int checks, wrong;
static char private_bytes[FS_IO_MAX + 1];
static struct fs_entry entries[20];
static char long_path[COPY_MAX + 1];

int fsuser_init(uint32_t generation, int persist_valid) {
    (void)generation;
    (void)persist_valid;
    return 0;
}

static void expect(const char *name, int64_t got, int64_t wanted) {
    checks++;
    if (got == wanted) {
        log_line("FSUSER ok %s", name);
    } else {
        wrong++;
        log_line("FSUSER wrong %s: got %ld, wanted %ld", name, got, wanted);
    }
}

static void pattern(char *out, size_t bytes, unsigned seed) {
    for (size_t i = 0; i < bytes; i++)
        out[i] = (char)(i * 7 + i / 251 + seed);
}

static int pattern_differs(const char *from, size_t bytes, unsigned seed) {
    for (size_t i = 0; i < bytes; i++)
        if (from[i] != (char)(i * 7 + i / 251 + seed))
            return 1;
    return 0;
}

static int open_path(const char *path, uint32_t flags) { return fs_open(path, strlen(path), flags); }

// Written and read back from buffer, wherever that lies.
static void transfer(const char *name, char *buffer, size_t bytes) {
    int file = open_path("/data", FS_READ | FS_WRITE | FS_CREATE | FS_TRUNCATE);
    log_line("FSUSER %s, %zu bytes", name, bytes);
    pattern(buffer, bytes, 1);
    expect("write", fs_write(file, buffer, bytes), (int64_t)bytes);
    memset(buffer, 0, bytes);
    expect("read at the end", fs_read(file, buffer, bytes), 0);
    expect("seek", fs_seek(file, 0, FS_SEEK_SET), 0);
    expect("read", fs_read(file, buffer, bytes), (int64_t)bytes);
    expect("contents", pattern_differs(buffer, bytes, 1), 0);
    pattern(buffer, bytes, 2);
    expect("pwrite", fs_pwrite(file, buffer, bytes, 1), (int64_t)bytes);
    memset(buffer, 0, bytes);
    expect("pread", fs_pread(file, buffer, bytes, 1), (int64_t)bytes);
    expect("contents", pattern_differs(buffer, bytes, 2), 0);
    expect("truncate", fs_truncate(file, 1), 0);
    expect("sync", fs_sync(file), 0);
    expect("close", fs_close(file), 0);
    expect("a stale handle", fs_read(file, buffer, 1), -ESTALE);
    expect("unlink", fs_unlink("/data", 5), 0);
}

static void names(void) {
    struct fs_stat stat = {0};
    char path[] = "/dir/a";
    expect("mkdir", fs_mkdir("/dir", 4), 0);
    for (; path[5] <= 'z'; path[5]++)
        if (fs_close(open_path(path, FS_WRITE | FS_CREATE)) != 0)
            expect("create", 1, 0);
    int directory = open_path("/dir", FS_DIRECTORY), seen = 0, count;
    for (uint64_t cursor = 0; (count = fs_readdir(directory, cursor, entries, 20)) > 0; cursor = entries[count - 1].cursor)
        for (int i = 0; i < count; i++)
            seen |= 1 << (entries[i].name[0] - 'a');
    expect("readdir", seen, (1 << 26) - 1);
    expect("fstat", fs_fstat(directory, &stat), 0);
    expect("entries", (int64_t)stat.bytes, 26);
    expect("close", fs_close(directory), 0);
    expect("rename", fs_rename("/dir/a", 6, "/dir/b", 6), 0);
    expect("stat of the old name", fs_stat("/dir/a", 6, &stat), -ENOENT);
    expect("stat of the new name", fs_stat("/dir/b", 6, &stat), 0);
    expect("rmdir of a full directory", fs_rmdir("/dir", 4), -ENOTEMPTY);
    for (path[5] = 'b'; path[5] <= 'z'; path[5]++)
        if (fs_unlink(path, 6) != 0)
            expect("unlink", 1, 0);
    expect("rmdir", fs_rmdir("/dir", 4), 0);
    memset(long_path, '/', sizeof(long_path));
    expect("a path that cannot be copied", fs_stat(long_path, sizeof(long_path), &stat), -E2BIG);
    expect("a path that is too long", fs_stat(long_path, FS_PATH_MAX + 1, &stat), -ENAMETOOLONG);
    expect("no path", fs_stat(NULL, 1, &stat), -EFAULT);
    expect("an empty path", fs_stat("", 0, &stat), -ENOENT);
}

static void fill(char *buffer) {
    struct fs_statistics statistics = {0};
    struct fs_stat stat = {0};
    int file = open_path("/big", FS_READ | FS_WRITE | FS_CREATE);
    int64_t written, total = 0;
    expect("a transfer that is too large", fs_write(file, private_bytes, sizeof(private_bytes)), -E2BIG);
    expect("no buffer", fs_write(file, NULL, 1), -EFAULT);
    pattern(buffer, FS_IO_MAX, 3);
    while ((written = fs_write(file, buffer, FS_IO_MAX)) > 0)
        total += written;
    expect("a full file system", written, -ENOSPC);
    expect("statistics", fs_statistics(&statistics), 0);
    expect("it held nearly all", total > (int64_t)(statistics.limit_bytes / 100 * 98), 1);
    expect("fstat", fs_fstat(file, &stat), 0);
    expect("size", (int64_t)stat.bytes, total);
    int64_t last = total / FS_IO_MAX * FS_IO_MAX - FS_IO_MAX;
    expect("the last whole write", fs_pread(file, buffer, FS_IO_MAX, last), FS_IO_MAX);
    expect("its contents", pattern_differs(buffer, FS_IO_MAX, 3), 0);
    expect("truncate", fs_truncate(file, 0), 0);
    expect("room again", fs_write(file, buffer, FS_IO_MAX), FS_IO_MAX);
    expect("unlink while open", fs_unlink("/big", 4), 0);
    expect("close", fs_close(file), 0);
    log_line("FSUSER full at %ld bytes", total);
}

// What the monitor will do after a fault: the same init, and the data that a restart keeps.
static void start_again(char *buffer) {
    struct fs_stat stat = {0};
    struct fs_statistics before = {0}, after = {0};
    expect("mkdir", fs_mkdir("/kept", 5), 0);
    int file = open_path("/kept/file", FS_READ | FS_WRITE | FS_CREATE);
    pattern(buffer, FS_IO_MAX, 4);
    expect("write", fs_write(file, buffer, FS_IO_MAX), FS_IO_MAX);
    expect("write a gap", fs_pwrite(file, buffer, 1, 10 << 20), 1);
    expect("statistics", fs_statistics(&before), 0);
    expect("start again", fs_init(2, 1), 0);
    expect("a handle of the generation before", fs_close(file), -ESTALE);
    file = open_path("/kept/file", FS_READ | FS_WRITE);
    expect("statistics", fs_statistics(&after), 0);
    expect("the same files", after.nodes == before.nodes && after.used_bytes == before.used_bytes && after.open_handles == 1, 1);
    memset(buffer, 0, FS_IO_MAX);
    expect("read", fs_read(file, buffer, FS_IO_MAX), FS_IO_MAX);
    expect("contents", pattern_differs(buffer, FS_IO_MAX, 4), 0);
    expect("fstat", fs_fstat(file, &stat), 0);
    expect("size", (int64_t)stat.bytes, (10 << 20) + 1);
    expect("close", fs_close(file), 0);
    expect("start again without it", fs_init(3, 0), 0);
    expect("it is gone", fs_stat("/kept", 5, &stat), -ENOENT);
}

int fsuser_run(void) {
    struct fs_statistics before = {0}, after = {0};
    char *shared = xheap_alloc(FS_IO_MAX);
    expect("a shared buffer", shared != NULL, 1);
    expect("statistics", fs_statistics(&before), 0);
    transfer("private memory", private_bytes, 1);
    transfer("private memory", private_bytes, 10000);
    transfer("private memory", private_bytes, FS_IO_MAX);
    transfer("shared heap", shared, 4096);
    transfer("shared heap", shared, FS_IO_MAX);
    names();
    fill(shared);
    start_again(shared);
    expect("statistics", fs_statistics(&after), 0);
    expect("nothing is lost", after.used_bytes == before.used_bytes && after.nodes == 1 && after.open_handles == 0, 1);
    expect("nothing stays lent", xheap_free(shared), 0);
    log_line("FSUSER end checks=%d wrong=%d", checks, wrong);
    return wrong != 0;
}
