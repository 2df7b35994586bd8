// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_fs_keep.c - fs after a restart: what it keeps, what it refuses, and scribbles of every kind. test_fs_stop.c has
// interruptions.
#include "fs_walk.h"

static void files_are_kept(void **state) {
    (void)state;
    struct fs_stat before, after;
    struct fs_statistics statistics, kept;
    build();
    uint64_t wanted = digest();
    assert_int_equal(stat_path("/a", &before), 0);
    assert_int_equal(fs_statistics(&statistics), 0);
    int file = open_path("/a", FS_READ | FS_WRITE), directory = open_path("/d", FS_DIRECTORY);
    put_file("/held", "only a handle will hold it");
    int held = open_path("/held", FS_READ);
    assert_int_equal(unlink_path("/held"), 0);
    for (int round = 0; round < 5; round++) {
        restart();
        char text[100];
        sprintf(text, "fs: kept %lu files and directories, %lu bytes", statistics.nodes, statistics.used_bytes);
        assert_string_equal(fake_line, text);
        assert_true(digest() == wanted);
        assert_int_equal(fs_read(file, text, 1), -ESTALE);
        assert_int_equal(fs_close(held), -ESTALE);
        assert_int_equal(fs_close(directory), -ESTALE);
        assert_int_equal(stat_path("/a", &after), 0);
        assert_memory_equal(&before, &after, sizeof(before));
        assert_int_equal(fs_statistics(&kept), 0);
        assert_memory_equal(&statistics, &kept, sizeof(kept)); // no handle is open; what was unlinked is gone
        file = open_path("/a", FS_READ);
        held = open_path("/none", FS_READ);
        directory = open_path("/d/e", FS_DIRECTORY);
        assert_true(file > 0 && held > 0 && directory > 0);
    }
    put_file("/new", "");
    assert_int_equal(stat_path("/new", &after), 0);
    assert_true(after.number > before.number + 15); // numbers are never used again
    assert_file("/d/e/deep", "deep");
    restart(); // closes what is open
    assert_true(ends_empty());
}

static void handles_stay_stale(void **state) {
    (void)state;
    int old[FS_OPEN_MAX];
    put_file("/a", "");
    for (int round = 0; round < 5000; round++) // some slots get further than others
        assert_int_equal(fs_close(open_path("/a", FS_READ)), 0);
    for (int i = 0; i < FS_OPEN_MAX; i++)
        old[i] = open_path("/a", FS_READ);
    restart();
    for (int i = 0; i < FS_OPEN_MAX; i++)
        assert_true(open_path("/a", FS_READ) > 0);
    for (int i = 0; i < FS_OPEN_MAX; i++)
        assert_int_equal(fs_close(old[i]), -ESTALE);
    memset(fs_kept.generations, 0xff, sizeof(fs_kept.generations)); // scribbled
    restart();
    int file = open_path("/a", FS_READ);
    assert_true(file > 0xffff);
    assert_int_equal(fs_close(file), 0);
}

static void full_and_worn(void **state) {
    (void)state;
    char path[32];
    struct fs_statistics before, after;
    int count = 0;
    for (int round = 0; round < 4; round++) {
        while (sprintf(path, "/%d", count), make_directory(path) == 0)
            count++;
        for (int i = round; i < count; i += 2) { // odd ones go, and come back as files of a block or two
            sprintf(path, "/%d", i);
            (void)remove_directory(path);
            (void)unlink_path(path);
        }
        for (int i = 0; i < count; i++) {
            sprintf(path, "/%d", i);
            int file = open_path(path, FS_WRITE | FS_CREATE);
            if (file > 0) {
                assert_true(fs_write(file, path, sizeof(path)) != 0); // or there is no room
                assert_int_equal(fs_close(file), 0);
            }
        }
        uint64_t wanted = digest();
        assert_int_equal(fs_statistics(&before), 0);
        restart();
        assert_true(was_kept());
        assert_true(digest() == wanted);
        assert_int_equal(fs_statistics(&after), 0);
        assert_true(after.used_bytes <= before.used_bytes && after.nodes == before.nodes);
    }
    assert_true(count > 500);
}

// ---- what is inconsistent is refused, and said

static void bad_layout(void) { fs_kept.ram.layout ^= 1; }
static void bad_attempts(void) { fs_kept.ram.attempts = RAM_ATTEMPTS_MAX; }
static void bad_root(void) { fs_kept.ram.root = node_at("/a"); }
static void no_root(void) { fs_kept.ram.root = NULL; }
static void bad_type(void) { node_at("/a")->node.type = 3; }
static void bad_number(void) { node_at("/a")->number = fs_kept.ram.last_number + 1; }
static void bad_length(void) { node_at("/a")->contents.bytes = (uint64_t)FS_FILE_BYTES_MAX + 1; }
static void bad_height(void) { node_at("/a")->contents.tree = (char *)node_at("/a")->contents.tree + 4; }
static void block_twice(void) { node_at("/a")->contents.tree = node_at("/d/e/deep")->contents.tree; }
static void block_outside(void) { node_at("/a")->contents.tree = &fs_state; }
static void block_is_node(void) { node_at("/a")->contents.tree = node_at("/none"); }
static void node_twice(void) { node_at("/a")->entry->node = node_at("/none"); }
static void cycle(void) { node_at("/d/e/deep")->entry->node = node_at("/d"); }
static void entry_twice(void) { node_at("/d")->entries.slots[0] = node_at("/a")->entry; }
static void bad_slots(void) { node_at("/d")->entries.used = 1 << 20; }
static void slots_outside(void) { node_at("/d")->entries.slots = (struct ram_entry **)fs_kept.generations; }
static void slash(void) { node_at("/d/e/deep")->entry->name[1] = '/'; }
static void nul(void) { node_at("/d/e/deep")->entry->name[1] = 0; }
static void dots(void) { node_at("/d/e/1")->entry->name[0] = '.'; }
static void empty_name(void) { node_at("/d/e/1")->entry->name_bytes = 0; }
static void long_name(void) { node_at("/d/e/1")->entry->name_bytes = 200; }
static void no_end(void) { // the name fills its block
    struct ram_entry *entry = node_at("/d/e/1")->entry;
    entry->name_bytes = 48 - offsetof(struct ram_entry, name);
    memset(entry->name, 'x', entry->name_bytes);
}
static void equal_names(void) { node_at("/d/e/1")->entry->name[0] = '2'; }
static void leaving_twice(void) {
    fs_kept.ram.leaving = node_at("/a")->entry;
    node_at("/d")->entries.slots[0] = fs_kept.ram.leaving;
}
static void leaving_outside(void) {
    fs_kept.ram.leaving = (struct ram_entry *)fs_kept.map;
    node_at("/d")->entries.slots[0] = fs_kept.ram.leaving;
}

static const struct { void (*scribble)(void); const char *why; } wrongs[] = {
    {bad_layout, "there was no file system yet"},
    {bad_attempts, "too many attempts did not come to their end"},
    {bad_root, "the root is no directory"},
    {no_root, "a file or directory is none, or has two names"},
    {bad_type, "something is neither file nor directory"},
    {bad_number, "the number of a file or directory was never given"},
    {bad_length, "a file is larger than files can be"},
    {bad_height, "a file is larger than files can be"},
    {block_twice, "a block of a file is none, or is used twice"},
    {block_outside, "a block of a file is none, or is used twice"},
    {block_is_node, "a block of a file is none, or is used twice"},
    {node_twice, "a file or directory is none, or has two names"},
    {cycle, "a file or directory is none, or has two names"},
    {entry_twice, "a name is none, or is used twice"},
    {bad_slots, "the slots of a directory are no such block"},
    {slots_outside, "the slots of a directory are no such block"},
    {slash, "a name is none, or is used twice"},
    {nul, "a name is none, or is used twice"},
    {dots, "a name is none, or is used twice"},
    {empty_name, "a name is none, or is used twice"},
    {long_name, "a name is none, or is used twice"},
    {no_end, "a name is none, or is used twice"},
    {equal_names, "a directory has two equal names"},
    {leaving_twice, "a name is in two places"},
    {leaving_outside, "a name is none, or is used twice"},
};

// The new tree holds nothing but the file that tells why.
static bool has_evidence(const char *why) {
    static char data[FS_IO_MAX];
    char path[100], wanted[200];
    sprintf(path, "/lost+found/restart-%u", generation);
    sprintf(wanted, "evidence: %s)", path);
    int file = open_path(path, FS_READ);
    int64_t bytes = file < 0 ? 0 : fs_read(file, data, sizeof(data));
    const char *page = memchr(data, '\n', (size_t)bytes);
    return fs_state.ram.nodes == 3 && strstr(fake_line, wanted) && !memcmp(data, why, strlen(why)) && page &&
           data + bytes - page - 1 == (int64_t)(sizeof(struct ram_kept) + 4096) && fs_close(file) == 0;
}

// The page is the one that was found wrong, as it was: here the node of /a, whose number had been scribbled on.
static void evidence_is_what_was_found(void **state) {
    (void)state;
    static char before[4096], data[FS_IO_MAX];
    build();
    struct ram_node *node = node_at("/a");
    node->number = 0x5ca1ab1e0ddba11;
    size_t offset = (size_t)((char *)node - fs_kept.region), first = offset / 4096 * 4096;
    memcpy(before, fs_kept.region + first, sizeof(before));
    restart();
    char path[100];
    sprintf(path, "(near number %llu, byte %zu;", 0x5ca1ab1e0ddba11ull, offset);
    assert_non_null(strstr(fake_line, path));
    sprintf(path, "/lost+found/restart-%u", generation);
    int file = open_path(path, FS_READ);
    int64_t bytes = fs_read(file, data, sizeof(data));
    assert_true(bytes > 4096);
    const char *page = data + bytes - 4096;
    size_t at = offset - first + offsetof(struct ram_node, number);
    assert_memory_equal(page + at, before + at, 8);
    assert_int_equal(fs_close(file), 0);
}

static void refuses_and_says_so(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        char wanted[200];
        begin(NULL);
        build();
        wrongs[i].scribble();
        restart();
        sprintf(wanted, "fs: starting empty, for what was kept is not consistent: %s", wrongs[i].why);
        assert_memory_equal(fake_line, wanted, strlen(wanted));
        assert_true(has_evidence(wrongs[i].why));
        build(); // it works
        uint64_t all = digest();
        restart();
        assert_true(was_kept() && digest() == all);
    }
}

static void derived_data_is_made_again(void **state) {
    (void)state;
    build();
    uint64_t wanted = digest();
    struct fs_statistics before, after;
    assert_int_equal(fs_statistics(&before), 0);
    struct ram_node *directory = node_at("/d/e"), *file = node_at("/d/e/large");
    memset(fs_state.ram.buckets, 0xff, fs_state.ram.bucket_count * sizeof(void *));
    directory->entry->directory = NULL;
    directory->entry->slot = 12345;
    directory->entry->hash_next = directory->entry;
    directory->entry->hash ^= 1;
    directory->entries.count = directory->entries.room = directory->entries.first_free = 1 << 30;
    directory->node.mount = NULL;
    directory->node.references = 77;
    file->entry = NULL;
    file->contents.blocks = 1 << 20;
    fs_kept.ram.leaving = file->entry;
    restart();
    assert_true(was_kept() && digest() == wanted);
    assert_int_equal(fs_statistics(&after), 0);
    assert_memory_equal(&before, &after, sizeof(before));
    struct fs_stat stat;
    assert_int_equal(stat_path("/d/e", &stat), 0);
    assert_int_equal(stat.bytes, 12);
    assert_int_equal(stat_path("/d/e/large", &stat), 0);
    assert_int_equal(stat.allocated_bytes, 4 * 4096);
}

// ---- scribbles

static uint64_t *random_word(void) {
    return (uint64_t *)(void *)(fs_kept.region + 8 * (size_t)random_below(sizeof(fs_kept.region) / 8));
}

// Where something stands: memory in use, for the most part a pointer, a length or a header.
static uint64_t *random_used_word(void) {
    for (;;) {
        uint64_t *word = random_word();
        bool is_pointer = *word - (uintptr_t)&fs_kept < sizeof(fs_kept);
        if (is_pointer || (*word && random_below(8) == 0))
            return word;
    }
}

static void scribble(void) {
    uint64_t *word = random_below(4) ? random_used_word() : random_word();
    switch (random_below(10)) {
    case 0: *word ^= 1ull << random_below(64); break;
    case 1: *word = *random_used_word(); break;
    case 2: *word += 16 * (uint64_t)random_below(8); break;
    case 3: *word = (uintptr_t)random_word() & ~(uintptr_t)15; break;
    case 4:
        *word = (const uint64_t[]){
            0, 1, 16, UINT64_MAX, INT64_MAX, UINT32_MAX, 4096, (uintptr_t)&fs_state}[random_below(8)];
        break;
    case 5: memset(word, (int)random_next(), random_below(64)); break;
    case 6: memmove(word, random_used_word(), random_below(200)); break;
    case 7: ((uint64_t *)(void *)&fs_kept)[random_below(sizeof(struct ram_kept) / 8)] = *random_used_word(); break;
    case 8: fs_kept.ram.leaving = (struct ram_entry *)(uintptr_t)*random_used_word(); break;
    default: ((unsigned char *)word)[random_below(8)] ^= (unsigned char)random_next();
    }
}

// What was accepted can be used, and holds together: it can be walked, restarted, changed, filled and emptied.
static void use_accepted(void) {
    char path[PATH_MAX_HERE + FS_NAME_MAX + 2] = "";
    struct tree_walk first = walk_all(), second;
    assert_true(first.is_good);
    restart();
    assert_true(was_kept());
    second = walk_all();
    assert_true(first.digest == second.digest && first.nodes == second.nodes);
    (void)make_directory("/d/made");
    (void)rename_path("/a", "/d/made/a");
    (void)rename_path("/d/e", "/f");
    int file = open_path("/f/large", FS_WRITE | FS_CREATE);
    if (file > 0) {
        assert_int_equal(fs_truncate(file, 5000), 0);
        while (fs_pwrite(file, path, sizeof(path), (int64_t)random_below(1 << 22)) > 0) {}
        assert_int_equal(fs_close(file), 0);
    }
    remove_all(path, 0);
    assert_true(fs_state.ram.nodes > 1 || heap_statistics_in(&fs_state.ram.heap).blocks == 2); // as ends_empty()
}

static void scribbles_are_survived(void **state) {
    (void)state;
    static struct fs_kept pristine;
    size_t accepted = 0, refused = 0;
    build();
    for (int i = 0; i < 5; i++)
        assert_int_equal(fs_close(open_path("/d", FS_DIRECTORY)), 0);
    memcpy(&pristine, &fs_kept, sizeof(fs_kept));
    for (int round = 0; round < 6000; round++) {
        memcpy(&fs_kept, &pristine, sizeof(fs_kept));
        for (uint32_t i = 1 + (random_below(3) ? 0 : random_below(12)); i-- > 0;)
            scribble();
        restart();
        if (was_kept()) {
            accepted++;
            use_accepted();
        } else {
            assert_int_equal(fs_state.ram.nodes, 3); // the evidence
            refused++;
        }
    }
    assert_true(accepted > 500 && refused > 500);
}

static void noise_is_refused(void **state) {
    (void)state;
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < sizeof(fs_kept) / 4; i++)
            ((uint32_t *)(void *)&fs_kept)[i] = random_next();
        fs_kept.ram.layout = RAM_LAYOUT;
        fs_kept.ram.attempts = 0;
        fs_kept.ram.root = (struct ram_node *)(void *)(fs_kept.region + 16);
        restart();
        assert_false(was_kept());
        put_file("/works", "again");
        assert_file("/works", "again");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        KEEP_TEST(files_are_kept),      KEEP_TEST(handles_stay_stale),         KEEP_TEST(full_and_worn),
        KEEP_TEST(refuses_and_says_so), KEEP_TEST(evidence_is_what_was_found),
        KEEP_TEST(derived_data_is_made_again), KEEP_TEST(scribbles_are_survived),
        KEEP_TEST(noise_is_refused)};
    return cmocka_run_group_tests_name("fs keep", tests, NULL, NULL);
}
