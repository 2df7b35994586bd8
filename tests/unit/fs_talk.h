// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// fs_talk.h - fs with C strings, and a start and an end that count every byte.
#ifndef TESTS_UNIT_FS_TALK_H
#define TESTS_UNIT_FS_TALK_H

#include "fake.h"
#include "state.h"

static inline int open_path(const char *path, uint32_t flags) { return fs_open(path, strlen(path), flags); }
static inline int unlink_path(const char *path) { return fs_unlink(path, strlen(path)); }
static inline int make_directory(const char *path) { return fs_mkdir(path, strlen(path)); }
static inline int remove_directory(const char *path) { return fs_rmdir(path, strlen(path)); }
static inline int rename_path(const char *from, const char *to) { return fs_rename(from, strlen(from), to, strlen(to)); }
static inline int stat_path(const char *path, struct fs_stat *out) { return fs_stat(path, strlen(path), out); }

static inline void put_file(const char *path, const char *text) {
    int file = open_path(path, FS_WRITE | FS_CREATE | FS_TRUNCATE);
    assert_true(file > 0);
    assert_int_equal(fs_write(file, text, strlen(text)), strlen(text));
    assert_int_equal(fs_close(file), 0);
}

static inline void assert_file(const char *path, const char *text) {
    char got[256] = {0};
    int file = open_path(path, FS_READ);
    assert_true(file > 0);
    assert_int_equal(fs_read(file, got, sizeof(got) - 1), strlen(text));
    assert_string_equal(got, text);
    assert_int_equal(fs_close(file), 0);
}

static inline int fs_begin(void **state) {
    (void)state;
    fake_heap_limit = SIZE_MAX;
    return fs_init(0, 0);
}

// Every held reference and every byte must be accounted for.
static inline int fs_finish(void **state) {
    (void)state;
    assert_int_equal(fs_state.open_handles, 0);
    assert_int_equal(fs_state.ram.mount.root->references, 1);
    fs_end();
    assert_int_equal(fs_state.ram.nodes, 0);
    assert_int_equal(fs_state.ram.heap.statistics.used_bytes, 0);
    assert_int_equal(fake_heap_used, 0);
    return 0;
}

#define FS_TEST(name) cmocka_unit_test_setup_teardown(name, fs_begin, fs_finish)

#endif
