// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_fs_model.c - fs against a model, each allocation refused once; and a file system that is full.
//
// The model is a complete tree of PATHS nodes with three children each: node n has the children 3n+1 .. 3n+3, and a kind.
#include "fs_talk.h"

#define PATHS 40
#define CONTENT_MAX 30000
#define WRITE_MAX 9000

static struct {
    uint32_t kind; // 0: nothing, or enum fs_type
    size_t bytes;
    char data[CONTENT_MAX];
} model[PATHS], moved[PATHS];

static const char *path_of(uint32_t n, char *out) {
    char text[32] = "";
    if (n == 0)
        return strcpy(out, "/");
    for (; n; n = (n - 1) / 3) {
        memmove(text + 2, text, strlen(text) + 1);
        memcpy(text, (const char[]){'/', "abc"[(n - 1) % 3]}, 2);
    }
    return strcpy(out, text);
}

static bool is_below(uint32_t n, uint32_t ancestor) {
    while (n > ancestor)
        n = (n - 1) / 3;
    return n == ancestor;
}

static bool has_children(uint32_t n) {
    for (uint32_t child = 3 * n + 1; child <= 3 * n + 3 && child < PATHS; child++)
        if (model[child].kind)
            return true;
    return false;
}

// What following the path to its last name gives.
static int walk(uint32_t n) {
    if (n == 0)
        return 0;
    uint32_t parent = (n - 1) / 3;
    int result = walk(parent);
    return result ? result : model[parent].kind == FS_TYPE_DIRECTORY ? 0 : model[parent].kind ? -ENOTDIR : -ENOENT;
}

static void check_one(uint32_t n) {
    char path[32];
    static char got[CONTENT_MAX + 1];
    struct fs_stat stat;
    path_of(n, path);
    int result = stat_path(path, &stat), wanted = walk(n);
    assert_int_equal(result, wanted ? wanted : model[n].kind ? 0 : -ENOENT);
    if (result < 0)
        return;
    assert_int_equal(stat.type, model[n].kind);
    int file = open_path(path, FS_READ);
    if (stat.type == FS_TYPE_FILE) {
        assert_int_equal(stat.bytes, model[n].bytes);
        assert_int_equal(fs_read(file, got, sizeof(got)), model[n].bytes);
        assert_memory_equal(got, model[n].data, model[n].bytes);
    } else {
        struct fs_entry entries[5];
        int count = fs_readdir(file, 0, entries, 5);
        assert_int_equal(count, stat.bytes);
        for (int i = 0; i < count; i++) {
            assert_true(entries[i].name_bytes == 1 && entries[i].name[0] >= 'a' && entries[i].name[0] <= 'c');
            uint32_t child = 3 * n + 1 + (uint32_t)(entries[i].name[0] - 'a');
            assert_true(child < PATHS);
            assert_int_equal(entries[i].type, model[child].kind);
        }
    }
    assert_int_equal(fs_close(file), 0);
}

static void check_all(void) {
    uint64_t nodes = 0;
    struct fs_statistics statistics;
    for (uint32_t n = 0; n < PATHS; check_one(n), n++)
        nodes += model[n].kind != 0;
    assert_int_equal(fs_statistics(&statistics), 0);
    assert_int_equal(statistics.nodes, nodes);
}

// ---- operations: each does the same to both sides. Fault injection repeats them, with one more allocation granted.

static int write_step(uint32_t n, size_t offset, size_t bytes) {
    char path[32], data[WRITE_MAX];
    memset(data, (int)random_next(), bytes);
    int file = open_path(path_of(n, path), FS_WRITE | FS_CREATE), wanted = walk(n);
    if (file == -ENOSPC)
        return file;
    if (!wanted && model[n].kind == FS_TYPE_DIRECTORY)
        wanted = -EISDIR;
    if (wanted) {
        assert_int_equal(file, wanted);
        return 0;
    }
    assert_true(file > 0);
    model[n].kind = FS_TYPE_FILE;
    int64_t written = fs_pwrite(file, data, bytes, (int64_t)offset);
    assert_int_equal(fs_close(file), 0);
    if (written < 0)
        return (int)written;
    memcpy(model[n].data + offset, data, (size_t)written);
    if (written && offset + (size_t)written > model[n].bytes)
        model[n].bytes = offset + (size_t)written;
    return (size_t)written < bytes ? -ENOSPC : 0;
}

static int truncate_step(uint32_t n, size_t bytes) {
    char path[32];
    int file = walk(n) || model[n].kind != FS_TYPE_FILE ? 0 : open_path(path_of(n, path), FS_WRITE);
    if (file == 0)
        return 0;
    assert_int_equal(fs_truncate(file, (int64_t)bytes), 0);
    assert_int_equal(fs_close(file), 0);
    if (bytes < model[n].bytes)
        memset(model[n].data + bytes, 0, CONTENT_MAX - bytes);
    model[n].bytes = bytes;
    return 0;
}

static void forget(uint32_t n) { memset(&model[n], 0, sizeof(model[n])); }
static int name_step(uint32_t n, uint32_t kind) {
    char path[32];
    int wanted = walk(n), result;
    path_of(n, path);
    if (kind == 0) {
        result = make_directory(path);
        wanted = wanted ? wanted : model[n].kind ? -EEXIST : 0;
        if (result == 0)
            model[n].kind = FS_TYPE_DIRECTORY;
    } else if (kind == 1) {
        result = unlink_path(path);
        wanted = wanted ? wanted : !model[n].kind ? -ENOENT : model[n].kind == FS_TYPE_DIRECTORY ? -EISDIR : 0;
        if (result == 0)
            forget(n);
    } else {
        result = remove_directory(path);
        wanted = wanted ? wanted : !model[n].kind ? -ENOENT : model[n].kind == FS_TYPE_FILE ? -ENOTDIR : has_children(n) ? -ENOTEMPTY : 0;
        if (result == 0)
            forget(n);
    }
    if (result == -ENOSPC)
        return result;
    assert_int_equal(result, wanted);
    return 0;
}

static bool subtree_fits(uint32_t from, uint32_t to) {
    if (from >= PATHS || !model[from].kind)
        return true;
    return to < PATHS && subtree_fits(3 * from + 1, 3 * to + 1) && subtree_fits(3 * from + 2, 3 * to + 2) &&
           subtree_fits(3 * from + 3, 3 * to + 3);
}

static void subtree_move(uint32_t from, uint32_t to) {
    if (from >= PATHS || !model[from].kind)
        return;
    memcpy(&moved[to], &model[from], sizeof(model[from]));
    forget(from);
    for (uint32_t child = 1; child <= 3; child++)
        subtree_move(3 * from + child, 3 * to + child);
}

static int rename_step(uint32_t from, uint32_t to) {
    char source[32], target[32];
    if (!subtree_fits(from, to))
        return 0;
    bool is_directory = model[from].kind == FS_TYPE_DIRECTORY;
    int wanted = walk(from) ? walk(from) : walk(to) ? walk(to) : !model[from].kind ? -ENOENT : from == to ? 0
               : is_directory && is_below(to, from) ? -EINVAL
               : model[to].kind && model[to].kind != model[from].kind ? (is_directory ? -ENOTDIR : -EISDIR)
               : is_directory && has_children(to) ? -ENOTEMPTY : 0;
    bool is_replacing = model[to].kind != 0;
    int result = rename_path(path_of(from, source), path_of(to, target));
    if (result == -ENOSPC) {
        assert_false(is_replacing); // as fs.h promises
        return result;
    }
    assert_int_equal(result, wanted);
    if (result == 0 && from != to) {
        memset(moved, 0, sizeof(moved));
        subtree_move(from, to);
        forget(to);
        for (uint32_t n = 0; n < PATHS; n++)
            if (moved[n].kind)
                memcpy(&model[n], &moved[n], sizeof(moved[n]));
    }
    return 0;
}

static int random_step(uint32_t kind, uint32_t n, uint32_t other, size_t offset, size_t bytes) {
    switch (kind) {
    case 0: return truncate_step(n, offset);
    case 1: case 2: case 3: return name_step(n, kind - 1);
    case 4: case 5: return rename_step(n, other);
    default: return write_step(n, offset, bytes);
    }
}

static void random_use_with_refusals(void **state) {
    (void)state;
    uint32_t refused = 0;
    memset(model, 0, sizeof(model));
    model[0].kind = FS_TYPE_DIRECTORY;
    for (int step = 0; step < 20000; step++) {
        uint32_t kind = random_below(10), n = 1 + random_below(PATHS - 1), other = 1 + random_below(PATHS - 1);
        size_t offset = random_below(CONTENT_MAX - WRITE_MAX), bytes = random_below(WRITE_MAX);
        if (random_below(3) == 0) // directories that stay
            kind = 1;
        size_t granted = step % 2 ? 0 : SIZE_MAX / 2;
        fake_heap_countdown = granted;
        while (random_step(kind, n, other, offset, bytes) == -ENOSPC) {
            assert_true(fake_heap_countdown > granted); // it was refused memory, indeed
            fake_heap_countdown = SIZE_MAX;
            refused++;
            check_all();
            fake_heap_countdown = ++granted;
        }
        fake_heap_countdown = SIZE_MAX;
        check_one(n);
        check_one(other);
        if (step % 50 == 0)
            check_all();
    }
    assert_true(refused > 1000);
    for (uint32_t n = PATHS; n-- > 1;)
        if (model[n].kind)
            assert_int_equal(name_step(n, model[n].kind), 0);
    check_all();
}

static void full_file_system_works_on(void **state) {
    (void)state;
    static char block[FS_IO_MAX];
    struct fs_stat stat;
    int64_t written, total = 0;
    put_file("/small", "old");
    put_file("/new", "new");
    size_t used = fs_state.ram.heap.statistics.used_bytes;
    int file = open_path("/big", FS_READ | FS_WRITE | FS_CREATE);
    while ((written = fs_write(file, block, sizeof(block))) > 0)
        total += written;
    assert_int_equal(written, -ENOSPC);
    assert_true(total > (8 << 20) * 95 / 100); // of what CONFIG_FS_FILES_KIB gives
    assert_int_equal(fs_fstat(file, &stat), 0);
    assert_int_equal(stat.bytes, total);
    while (make_directory("/x") == 0 && rename_path("/x", "/y") == 0 && remove_directory("/y") == 0 && fs_write(file, block, 1) > 0) {}
    assert_int_equal(rename_path("/new", "/small"), 0);
    assert_file("/small", "new");
    assert_int_equal(fs_pwrite(file, "x", 1, 5), 1); // what is there can be written
    assert_int_equal(fs_truncate(file, 100), 0);
    assert_int_equal(fs_pwrite(file, block, sizeof(block), 1 << 20), sizeof(block));
    assert_int_equal(fs_close(file), 0);
    assert_int_equal(unlink_path("/big"), 0);
    (void)remove_directory("/x"); // if it came to be
    assert_true(fs_state.ram.heap.statistics.used_bytes <= used);
}

static void holds_64_mib(void **state) {
    (void)state;
    static uint64_t data[FS_IO_MAX / 8];
    fs_state.ram.heap.statistics.total_bytes = 65 << 20;
    int file = open_path("/large", FS_READ | FS_WRITE | FS_CREATE);
    for (uint64_t at = 0; at < 64 << 20; at += FS_IO_MAX) {
        for (size_t i = 0; i < FS_IO_MAX / 8; i++)
            data[i] = at + i;
        assert_int_equal(fs_write(file, data, FS_IO_MAX), FS_IO_MAX);
    }
    for (uint64_t at = 0; at < 64 << 20; at += FS_IO_MAX) {
        assert_int_equal(fs_pread(file, data, FS_IO_MAX, (int64_t)at), FS_IO_MAX);
        for (size_t i = 0; i < FS_IO_MAX / 8; i++)
            assert_true(data[i] == at + i);
    }
    assert_int_equal(fs_close(file), 0);
}

static void refuses_to_start_without_memory(void **state) {
    (void)state;
    for (size_t granted = 0; granted < 2; granted++) {
        fake_heap_countdown = granted;
        assert_int_equal(fs_init(0, 0), -ENOMEM);
        fake_heap_countdown = SIZE_MAX;
        assert_int_equal(fake_heap_used, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {FS_TEST(random_use_with_refusals), FS_TEST(full_file_system_works_on), FS_TEST(holds_64_mib),
                                       cmocka_unit_test(refuses_to_start_without_memory)};
    return cmocka_run_group_tests_name("fs model", tests, NULL, NULL);
}
