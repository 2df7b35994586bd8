// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_fs_names.c - paths, directories, rename, readdir, mounts of fs.
#include "fs_talk.h"

static void paths_are_checked(void **state) {
    (void)state;
    struct fs_stat stat;
    char path[COPY_MAX + 1];
    put_file("/file", "x");
    assert_int_equal(make_directory("/d"), 0);
    const struct { const char *path; int result; } cases[] = {
        {"", -ENOENT}, {"file", -EINVAL}, {"./file", -EINVAL}, {"/", 0}, {"//", 0}, {"/.", 0}, {"/..", 0}, {"/../../d/", 0},
        {"//d//..//file", 0}, {"/d/.", 0}, {"/d/./../d", 0}, {"/none", -ENOENT}, {"/none/x", -ENOENT}, {"/none/..", -ENOENT},
        {"/file/", -ENOTDIR}, {"/file/x", -ENOTDIR}, {"/file/.", -ENOTDIR}, {"/file/..", -ENOTDIR}, {"/...", -ENOENT}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (stat_path(cases[i].path, &stat) != cases[i].result)
            fail_msg("%s", cases[i].path);
    assert_int_equal(fs_stat("/fi\0le", 6, &stat), -EINVAL);
    assert_int_equal(fs_stat(NULL, 3, &stat), -EFAULT);
    assert_int_equal(fs_stat(NULL, 0, &stat), -ENOENT);
    memset(path, 'n', sizeof(path));
    path[0] = '/';
    assert_int_equal(fs_mkdir(path, 1 + FS_NAME_MAX), 0);
    assert_int_equal(fs_stat(path, 1 + FS_NAME_MAX, &stat), 0);
    assert_int_equal(fs_stat(path, 2 + FS_NAME_MAX, &stat), -ENAMETOOLONG);
    assert_int_equal(fs_stat(path, FS_PATH_MAX + 1, &stat), -ENAMETOOLONG);
    assert_int_equal(fs_stat(path, COPY_MAX + 1, &stat), -E2BIG);
    memset(path, '/', sizeof(path));
    assert_int_equal(fs_stat(path, FS_PATH_MAX, &stat), 0);
}

static void directories_come_and_go(void **state) {
    (void)state;
    struct fs_entry entry;
    assert_int_equal(make_directory("/d"), 0);
    assert_int_equal(make_directory("/d"), -EEXIST);
    assert_int_equal(make_directory("/"), -EEXIST);
    assert_int_equal(make_directory("/d/.."), -EEXIST);
    assert_int_equal(make_directory("/d/e/"), 0);
    assert_int_equal(make_directory("/x/y"), -ENOENT);
    put_file("/d/file", "x");
    assert_int_equal(make_directory("/d/file"), -EEXIST);
    assert_int_equal(make_directory("/d/file/"), -EEXIST);
    assert_int_equal(make_directory("/d/file/y"), -ENOTDIR);
    assert_int_equal(remove_directory("/d"), -ENOTEMPTY);
    assert_int_equal(remove_directory("/d/file"), -ENOTDIR);
    assert_int_equal(unlink_path("/d/e"), -EISDIR);
    assert_int_equal(unlink_path("/d/file/"), -ENOTDIR);
    assert_int_equal(unlink_path("/"), -EISDIR);
    assert_int_equal(unlink_path("/none"), -ENOENT);
    assert_int_equal(remove_directory("/"), -EINVAL);
    assert_int_equal(remove_directory("/d/."), -EINVAL);
    assert_int_equal(remove_directory("/d/e/.."), -EINVAL);
    assert_int_equal(remove_directory("/none"), -ENOENT);
    assert_int_equal(open_path("/new/", FS_WRITE | FS_CREATE), -EISDIR);
    int open = open_path("/d/e", FS_DIRECTORY);
    assert_int_equal(remove_directory("/d/e"), 0);
    assert_int_equal(fs_readdir(open, 0, &entry, 1), 0);
    assert_int_equal(fs_close(open), 0);
    assert_int_equal(unlink_path("/d/file"), 0);
    assert_int_equal(remove_directory("/d/"), 0);
}

static void rename_as_posix_says(void **state) {
    (void)state;
    put_file("/a", "a");
    put_file("/b", "b");
    assert_int_equal(make_directory("/d"), 0);
    assert_int_equal(make_directory("/d/e"), 0);
    assert_int_equal(make_directory("/f"), 0);
    const struct { const char *from, *to; int result; } cases[] = {
        {"/none", "/x", -ENOENT}, {"/a", "/none/x", -ENOENT}, {"/a", "/d", -EISDIR}, {"/d", "/a", -ENOTDIR}, {"/f", "/d", -ENOTEMPTY},
        {"/d", "/d/e/x", -EINVAL}, {"/d", "/d/x", -EINVAL}, {"/", "/x", -EINVAL}, {"/a", "/", -EINVAL}, {"/d/.", "/x", -EINVAL},
        {"/a", "/d/..", -EINVAL}, {"/a/", "/x", -ENOTDIR}, {"/a", "/x/", -ENOTDIR}, {"/a", "/b/", -ENOTDIR}, {"/d/e", "/d", -ENOTEMPTY},
        {"/a", "/b/x", -ENOTDIR}, {"/a", "/a", 0}, {"/d", "/d", 0}, {"/d", "/d/", 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (rename_path(cases[i].from, cases[i].to) != cases[i].result)
            fail_msg("%s -> %s", cases[i].from, cases[i].to);
    assert_file("/a", "a");
    int old = open_path("/b", FS_READ);
    char got;
    assert_int_equal(rename_path("/a", "/b"), 0); // replaces; who had it open keeps the old one
    assert_int_equal(open_path("/a", FS_READ), -ENOENT);
    assert_file("/b", "a");
    assert_int_equal(fs_read(old, &got, 1), 1);
    assert_int_equal(got, 'b');
    assert_int_equal(fs_close(old), 0);
    assert_int_equal(rename_path("/b", "/d/e/new name"), 0);
    assert_int_equal(rename_path("/d/e/", "/f/"), 0); // an empty directory is replaced
    assert_file("/f/new name", "a");
    assert_int_equal(rename_path("/f/new name", "/f/n"), 0);
    assert_file("/f/n", "a");
    assert_int_equal(remove_directory("/d"), 0);
}

static int list(int directory, uint32_t batch, int *seen, uint32_t limit) {
    struct fs_entry entries[FS_ENTRIES_MAX];
    uint64_t cursor = 0;
    int total = 0, count;
    while ((count = fs_readdir(directory, cursor, entries, batch)) > 0) {
        assert_true((uint32_t)count <= batch);
        for (int i = 0; i < count; i++) {
            uint32_t number = (uint32_t)atoi(entries[i].name);
            assert_true(number < limit && strlen(entries[i].name) == entries[i].name_bytes);
            seen[number]++;
        }
        cursor = entries[count - 1].cursor;
        total += count;
    }
    assert_int_equal(count, 0);
    return total;
}

static void readdir_sees_all_once(void **state) {
    (void)state;
    static int seen[1000];
    char name[FS_NAME_MAX + 2];
    struct fs_entry entry;
    for (int i = 0; i < 1000; i++) {
        sprintf(name, "/%d", i);
        put_file(name, "");
    }
    int directory = open_path("/", FS_DIRECTORY), file = open_path("/0", FS_READ);
    const uint32_t batches[] = {1, 7, FS_ENTRIES_MAX};
    for (int i = 0; i < 3; i++)
        assert_int_equal(list(directory, batches[i], seen, 1000), 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(seen[i], 3);
    assert_int_equal(fs_readdir(directory, 0, &entry, 0), -EINVAL);
    assert_int_equal(fs_readdir(directory, 0, &entry, FS_ENTRIES_MAX + 1), -E2BIG);
    assert_int_equal(fs_readdir(directory, 0, NULL, 1), -EFAULT);
    assert_int_equal(fs_readdir(directory, UINT64_MAX, &entry, 1), 0);
    assert_int_equal(fs_readdir(file, 0, &entry, 1), -ENOTDIR);
    assert_int_equal(fs_close(file), 0);
    uint64_t cursor = 0; // rm *: each entry goes as soon as it is seen
    for (int count = 0; fs_readdir(directory, cursor, &entry, 1) == 1; count++) {
        cursor = entry.cursor;
        sprintf(name, "/%s", entry.name);
        assert_int_equal(unlink_path(name), 0);
    }
    assert_int_equal(list(directory, 7, seen, 1000), 0);
    assert_int_equal(fs_close(directory), 0);
}

static void second_file_system_is_mounted(void **state) {
    (void)state;
    struct ram other;
    static struct ram_kept kept;
    struct fs_node *covered;
    struct path_end end;
    assert_int_equal(make_directory("/m"), 0);
    assert_int_equal(path_follow(&fs_state.vfs, "/m", 2, &end), 0);
    assert_int_equal(path_last(&fs_state.vfs, &end, &covered), 0);
    node_drop(end.directory);
    assert_int_equal(ram_open(&other, &kept, &(struct ram_memory){.bytes = 1 << 20}, (const uint64_t[]){1, 2}), 0);
    assert_int_equal(vfs_mount(&fs_state.vfs, &other.mount, covered), 0);
    assert_int_equal(vfs_mount(&fs_state.vfs, &other.mount, covered), -EBUSY);
    put_file("/m/x", "inside");
    put_file("/y", "outside");
    assert_int_equal(other.nodes, 2);
    assert_file("/m/../y", "outside");
    assert_file("/m/../m/./x", "inside");
    assert_int_equal(rename_path("/m/x", "/x"), -EXDEV);
    assert_int_equal(rename_path("/y", "/m/y"), -EXDEV);
    assert_int_equal(rename_path("/m", "/n"), -EBUSY);
    assert_int_equal(remove_directory("/m"), -EBUSY);
    assert_int_equal(unlink_path("/m/x"), 0);
    assert_int_equal(other.mount.root->references, 1);
    fs_state.vfs.count = 1; // nothing unmounts yet
    ram_close(&other);
    node_drop(covered);
    node_drop(covered);
}

int main(void) {
    const struct CMUnitTest tests[] = {FS_TEST(paths_are_checked), FS_TEST(directories_come_and_go), FS_TEST(rename_as_posix_says),
                                       FS_TEST(readdir_sees_all_once), FS_TEST(second_file_system_is_mounted)};
    return cmocka_run_group_tests_name("fs names", tests, NULL, NULL);
}
