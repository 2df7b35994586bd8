// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// fs_walk.h - fs over the real heap: a tree with one of everything, its restart, and a digest of all that can be read.
//
// A restart: everything but fs_kept is garbage, then fs_init(next generation, 1).
#ifndef TESTS_UNIT_FS_WALK_H
#define TESTS_UNIT_FS_WALK_H

#include <unistd.h>
#include "fs_talk.h"

#define HANG_SECONDS 100
#define PATH_MAX_HERE 400

static uint32_t generation;

static inline void restart(void) {
    memset(&fs_state, 0xa5, sizeof(fs_state));
    fake_line[0] = 0;
    assert_int_equal(fs_init(++generation, 1), 0);
}

static inline bool was_kept(void) { return strncmp(fake_line, "fs: kept ", 9) == 0; }

static inline int begin(void **state) {
    (void)state;
    memset(&fs_kept, 0xa5, sizeof(fs_kept)); // a first boot promises zeros, and needs none
    alarm(HANG_SECONDS);
    return fs_init(++generation, 0);
}

static inline int end(void **state) {
    (void)state;
    alarm(0);
    return 0;
}

// ---- digest: of all paths, types, lengths and contents, whatever their order

static inline uint64_t mix(uint64_t hash, const void *data, size_t bytes) {
    const unsigned char *at = data;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ at[i]) * 0x100000001b3;
    return hash ^ hash >> 29;
}

struct tree_walk { uint64_t digest; uint32_t nodes; bool is_good; };

static inline void walk_file(struct tree_walk *walk, const char *path, uint64_t bytes, uint64_t hash) {
    static char data[FS_IO_MAX], zeros[FS_IO_MAX];
    int file = open_path(path, FS_READ);
    if (file < 0) { // a forged tree can have paths that are too long, or equal names
        walk->digest += hash;
        return;
    }
    hash = mix(hash, &bytes, sizeof(bytes));
    for (int64_t at = 0, got; (got = fs_pread(file, data, sizeof(data), at)) > 0; at += got) {
        if (memcmp(data, zeros, (size_t)got)) // gaps count by the length only, so that they are cheap
            hash = mix(hash ^ (uint64_t)at, data, (size_t)got);
        if (at > 4 << 20) // forged lengths are even longer
            at = (int64_t)bytes - (2 << 20) > at ? (int64_t)bytes - (2 << 20) : at;
    }
    walk->digest += hash;
    walk->is_good &= fs_close(file) == 0;
}

static inline void walk_directory(struct tree_walk *walk, char *path, size_t used) {
    struct fs_entry entry;
    int directory = open_path(used ? path : "/", FS_DIRECTORY);
    uint64_t cursor = 0;
    walk->nodes++;
    if (directory < 0)
        return;
    while (fs_readdir(directory, cursor, &entry, 1) == 1) {
        walk->is_good &= entry.cursor > cursor && strlen(entry.name) == entry.name_bytes;
        cursor = entry.cursor;
        if (used + 1 + entry.name_bytes >= PATH_MAX_HERE)
            continue;
        size_t length = used + (size_t)sprintf(path + used, "/%s", entry.name);
        uint64_t hash = mix(entry.type, path, length);
        struct fs_stat stat;
        if (entry.type == FS_TYPE_DIRECTORY) {
            walk->digest += hash;
            walk_directory(walk, path, length);
        } else if (stat_path(path, &stat) == 0) {
            walk->nodes++;
            walk_file(walk, path, stat.bytes, hash);
        }
        path[used] = 0;
    }
    walk->is_good &= fs_close(directory) == 0;
}

static inline struct tree_walk walk_all(void) {
    char path[PATH_MAX_HERE + FS_NAME_MAX + 2] = "";
    struct tree_walk walk = {.is_good = true};
    walk_directory(&walk, path, 0);
    return walk;
}

static inline uint64_t digest(void) {
    struct tree_walk walk = walk_all();
    assert_true(walk.is_good);
    assert_int_equal(walk.nodes, fs_state.ram.nodes);
    return walk.digest;
}

// Empties it from the leaves, by the names that readdir gives, but for what has too long a path.
static inline void remove_all(char *path, size_t used) {
    struct fs_entry entry;
    int directory = open_path(used ? path : "/", FS_DIRECTORY);
    if (directory < 0)
        return;
    for (uint64_t cursor = 0; fs_readdir(directory, cursor, &entry, 1) == 1; path[used] = 0) {
        cursor = entry.cursor;
        if (used + 1 + entry.name_bytes >= PATH_MAX_HERE)
            continue;
        size_t length = used + (size_t)sprintf(path + used, "/%s", entry.name);
        if (entry.type == FS_TYPE_DIRECTORY) {
            remove_all(path, length);
            (void)remove_directory(path);
        } else {
            (void)unlink_path(path);
        }
    }
    assert_int_equal(fs_close(directory), 0);
}

// Nothing is lost: with the last file, all memory but that of the root and of the table of names is free.
static inline bool ends_empty(void) {
    char path[PATH_MAX_HERE + FS_NAME_MAX + 2] = "";
    remove_all(path, 0);
    return fs_state.ram.nodes == 1 && heap_statistics_in(&fs_state.ram.heap).blocks == 2;
}

// ---- a tree with one of everything

static inline void put_bytes(const char *path, int64_t offset, size_t bytes, char fill) {
    static char data[FS_IO_MAX];
    memset(data, fill, bytes);
    int file = open_path(path, FS_WRITE | FS_CREATE);
    assert_true(file > 0);
    assert_int_equal(fs_pwrite(file, data, bytes, offset), bytes);
    assert_int_equal(fs_close(file), 0);
}

static inline void build(void) {
    assert_int_equal(make_directory("/d"), 0);
    assert_int_equal(make_directory("/d/e"), 0);
    assert_int_equal(make_directory("/empty"), 0);
    assert_int_equal(make_directory("/single"), 0);
    put_file("/single/one", "the only one");
    put_file("/a", "hello");
    put_file("/none", "");
    put_file("/d/e/deep", "deep");
    put_file("/d/other name", "other");
    put_bytes("/d/e/large", 0, 9000, 'l');
    put_bytes("/d/e/gap", 600 * 4096, 100, 'g'); // two levels
    for (char path[] = "/d/e/0"; path[5] <= '9'; path[5]++)
        put_file(path, path);
    assert_int_equal(unlink_path("/d/e/3"), 0);
}

static inline struct ram_node *node_at(const char *path) {
    struct path_end end;
    struct fs_node *node;
    assert_int_equal(path_follow(&fs_state.vfs, path, strlen(path), &end), 0);
    assert_int_equal(path_last(&fs_state.vfs, &end, &node), 0);
    node_drop(end.directory);
    node_drop(node);
    return ram_node(node);
}

#define KEEP_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
