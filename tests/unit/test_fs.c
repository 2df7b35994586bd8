// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_fs.c - files and handles: POSIX semantics and edges. test_fs_names.c has paths, test_fs_model.c random use.
#include "fs_talk.h"

#define NEW (FS_READ | FS_WRITE | FS_CREATE)

static void reads_what_was_written(void **state) {
    (void)state;
    char got[16] = {0};
    int file = open_path("/a", NEW);
    assert_int_equal(fs_write(file, "hello world", 11), 11);
    assert_int_equal(fs_read(file, got, 16), 0); // at the end
    assert_int_equal(fs_seek(file, -5, FS_SEEK_END), 6);
    assert_int_equal(fs_read(file, got, 3), 3);
    assert_memory_equal(got, "wor", 3);
    assert_int_equal(fs_seek(file, 0, FS_SEEK_CURRENT), 9);
    assert_int_equal(fs_pread(file, got, 16, 6), 5);
    assert_memory_equal(got, "world", 5);
    assert_int_equal(fs_pwrite(file, "W", 1, 6), 1);
    assert_int_equal(fs_seek(file, 0, FS_SEEK_CURRENT), 9); // neither moved it
    assert_int_equal(fs_sync(file), 0);
    assert_int_equal(fs_close(file), 0);
    assert_file("/a", "hello World");
}

static void positions_have_limits(void **state) {
    (void)state;
    char byte = 'x';
    int file = open_path("/a", NEW);
    assert_int_equal(fs_seek(file, -1, FS_SEEK_SET), -EINVAL);
    assert_int_equal(fs_seek(file, 0, 3), -EINVAL);
    assert_int_equal(fs_seek(file, INT64_MAX, FS_SEEK_SET), INT64_MAX);
    assert_int_equal(fs_seek(file, 1, FS_SEEK_CURRENT), -EINVAL);
    assert_int_equal(fs_read(file, &byte, 1), 0);
    assert_int_equal(fs_write(file, &byte, 1), -EFBIG);
    assert_int_equal(fs_pwrite(file, &byte, 1, FS_FILE_BYTES_MAX), -EFBIG);
    assert_int_equal(fs_pwrite(file, "xyz", 3, FS_FILE_BYTES_MAX - 1), 1); // the last byte that there can be
    assert_int_equal(fs_pread(file, &byte, 1, FS_FILE_BYTES_MAX - 1), 1);
    assert_int_equal(fs_pread(file, &byte, 1, -1), -EINVAL);
    assert_int_equal(fs_pwrite(file, &byte, 1, -1), -EINVAL);
    assert_int_equal(fs_truncate(file, FS_FILE_BYTES_MAX + 1), -EFBIG);
    assert_int_equal(fs_truncate(file, -1), -EINVAL);
    assert_int_equal(fs_write(file, &byte, FS_IO_MAX + 1), -E2BIG);
    assert_int_equal(fs_read(file, &byte, FS_IO_MAX + 1), -E2BIG);
    assert_int_equal(fs_read(file, NULL, 1), -EFAULT);
    assert_int_equal(fs_write(file, NULL, 1), -EFAULT);
    assert_int_equal(fs_write(file, NULL, 0), 0);
    assert_int_equal(fs_close(file), 0);
}

static void gaps_are_zeros_without_memory(void **state) {
    (void)state;
    static char got[FS_IO_MAX];
    struct fs_stat stat;
    int file = open_path("/a", NEW);
    assert_int_equal(fs_pwrite(file, "end", 3, 64 << 20), 3);
    assert_int_equal(fs_fstat(file, &stat), 0);
    assert_int_equal(stat.bytes, (64 << 20) + 3);
    assert_true(stat.allocated_bytes <= 4 * 4096); // three levels and one block
    memset(got, 1, sizeof(got));
    assert_int_equal(fs_pread(file, got, sizeof(got), 4095), sizeof(got));
    for (size_t i = 0; i < sizeof(got); i++)
        assert_int_equal(got[i], 0);
    assert_int_equal(fs_truncate(file, (64 << 20) + 1), 0);
    assert_int_equal(fs_truncate(file, (64 << 20) + 3), 0); // what was cut comes back as zeros
    assert_int_equal(fs_pread(file, got, 10, 64 << 20), 3);
    assert_memory_equal(got, "e\0\0", 3);
    assert_int_equal(fs_truncate(file, 0), 0);
    assert_int_equal(fs_fstat(file, &stat), 0);
    assert_int_equal(stat.allocated_bytes, 0);
    assert_int_equal(fs_close(file), 0);
}

static void flags_say_what_they_mean(void **state) {
    (void)state;
    char byte;
    const uint32_t nonsense[] = {0, FS_CREATE, 128 | FS_READ, FS_READ | FS_TRUNCATE, FS_READ | FS_APPEND,
                                 FS_READ | FS_EXCLUSIVE, FS_CREATE | FS_DIRECTORY};
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++)
        assert_int_equal(open_path("/a", nonsense[i]), -EINVAL);
    assert_int_equal(open_path("/a", FS_READ), -ENOENT);
    put_file("/a", "old");
    assert_int_equal(open_path("/a", FS_WRITE | FS_CREATE | FS_EXCLUSIVE), -EEXIST);
    assert_int_equal(open_path("/a", FS_DIRECTORY), -ENOTDIR);
    int file = open_path("/a", FS_WRITE | FS_APPEND);
    assert_int_equal(fs_read(file, &byte, 1), -EBADF);
    assert_int_equal(fs_pwrite(file, "O", 1, 0), 1);
    assert_int_equal(fs_write(file, "er", 2), 2);
    assert_int_equal(fs_seek(file, 0, FS_SEEK_SET), 0);
    assert_int_equal(fs_write(file, "!", 1), 1);
    assert_int_equal(fs_close(file), 0);
    assert_file("/a", "Older!");
    file = open_path("/a", FS_READ);
    assert_int_equal(fs_write(file, "x", 1), -EBADF);
    assert_int_equal(fs_truncate(file, 0), -EBADF);
    assert_int_equal(fs_close(file), 0);
    assert_int_equal(fs_close(open_path("/a", FS_WRITE | FS_TRUNCATE)), 0);
    assert_file("/a", "");
    assert_int_equal(open_path("/", FS_WRITE), -EISDIR);
    assert_int_equal(open_path("/", FS_READ | FS_CREATE), -EISDIR);
    file = open_path("/", FS_DIRECTORY);
    assert_int_equal(fs_read(file, &byte, 1), -EISDIR);
    assert_int_equal(fs_seek(file, 0, FS_SEEK_SET), -EISDIR);
    assert_int_equal(fs_write(file, &byte, 1), -EBADF);
    assert_int_equal(fs_close(file), 0);
}

static void stale_handles_are_errors(void **state) {
    (void)state;
    struct fs_stat stat;
    int file = open_path("/a", NEW);
    assert_int_equal(fs_close(file), 0);
    assert_int_equal(fs_close(file), -ESTALE);
    assert_int_equal(fs_fstat(file, &stat), -ESTALE);
    assert_int_equal(fs_sync(file), -ESTALE);
    assert_int_equal(fs_readdir(file, 0, NULL, 1), -ESTALE);
    const int none[] = {-1, INT32_MIN, 0, 1, 0x10000 + FS_OPEN_MAX, INT32_MAX};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(fs_close(none[i]), -EBADF);
    for (int round = 0; round < 70000 * 2; round++) { // generations wrap without passing 0 or a negative handle
        int next = open_path("/a", FS_READ);
        assert_true(next > 0xffff);
        assert_int_equal(fs_close(next), 0);
    }
    file = open_path("/a", FS_READ);
    fs_end();
    assert_int_equal(fs_init(1, 0), 0); // a restart
    assert_int_equal(fs_close(file), -ESTALE);
}

static void handles_run_out(void **state) {
    (void)state;
    int files[FS_OPEN_MAX];
    struct fs_statistics statistics;
    for (int i = 0; i < FS_OPEN_MAX; i++)
        assert_true((files[i] = open_path("/a", NEW)) > 0);
    assert_int_equal(open_path("/b", NEW), -EMFILE);
    assert_int_equal(fs_statistics(&statistics), 0);
    assert_int_equal(statistics.open_handles, FS_OPEN_MAX);
    assert_int_equal(statistics.nodes, 2); // "/b" was not made
    assert_int_equal(fs_close(files[7]), 0);
    files[7] = open_path("/a", FS_READ);
    assert_int_equal(files[7] & 0xffff, 7);
    for (int i = 0; i < FS_OPEN_MAX; i++)
        assert_int_equal(fs_close(files[i]), 0);
}

static void unlinked_files_live_while_open(void **state) {
    (void)state;
    char got[4] = {0};
    struct fs_statistics statistics;
    put_file("/a", "abc");
    int file = open_path("/a", FS_READ | FS_WRITE), second = open_path("/a", FS_READ);
    assert_int_equal(unlink_path("/a"), 0);
    assert_int_equal(open_path("/a", FS_READ), -ENOENT);
    put_file("/a", "new");
    assert_int_equal(fs_pwrite(file, "x", 1, 0), 1);
    assert_int_equal(fs_close(file), 0);
    assert_int_equal(fs_read(second, got, 4), 3);
    assert_string_equal(got, "xbc");
    assert_int_equal(fs_close(second), 0);
    assert_int_equal(fs_statistics(&statistics), 0);
    assert_int_equal(statistics.nodes, 2);
    assert_file("/a", "new");
}

static void stat_describes(void **state) {
    (void)state;
    struct fs_stat by_path, by_handle;
    put_file("/a", "abc");
    int file = open_path("/a", FS_READ);
    assert_int_equal(stat_path("/a", &by_path), 0);
    assert_int_equal(fs_fstat(file, &by_handle), 0);
    assert_memory_equal(&by_path, &by_handle, sizeof(by_path));
    assert_int_equal(by_path.bytes, 3);
    assert_int_equal(by_path.type, FS_TYPE_FILE);
    assert_int_equal(fs_close(file), 0);
    assert_int_equal(stat_path("/", &by_path), 0);
    assert_int_equal(by_path.type, FS_TYPE_DIRECTORY);
    assert_int_equal(by_path.bytes, 1);
    assert_int_equal(stat_path("/a", NULL), -EFAULT);
    assert_int_equal(fs_statistics(NULL), -EFAULT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FS_TEST(reads_what_was_written), FS_TEST(positions_have_limits), FS_TEST(gaps_are_zeros_without_memory),
        FS_TEST(flags_say_what_they_mean), FS_TEST(stale_handles_are_errors), FS_TEST(handles_run_out),
        FS_TEST(unlinked_files_live_while_open), FS_TEST(stat_describes)};
    return cmocka_run_group_tests_name("fs", tests, NULL, NULL);
}
