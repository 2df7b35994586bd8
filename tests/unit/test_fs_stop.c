// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_fs_stop.c - fs stopped at each store of each operation, and restarted from there: before or after, and nothing
// in between.
//
// The CPU's single steps (the trap flag) run a handler after each instruction; whenever what is kept has changed, it
// restarts from a copy, reads everything, and puts back what was there.
#include <signal.h>
#include "fs_walk.h"

static volatile bool is_stepping;
static uint64_t outcomes[10000];
static volatile size_t outcome_count;
static struct fs_kept last_kept, saved_kept;
static struct fs_state saved_state;
static volatile size_t refused_count;

// What a file is extended by is zeros, whatever a write that was stopped left there.
static bool tail_is_zero(const char *path) {
    char got[200];
    struct fs_stat stat;
    int file = open_path(path, FS_READ | FS_WRITE);
    if (file < 0)
        return file == -ENOENT;
    bool is_good = fs_fstat(file, &stat) == 0 && fs_truncate(file, (int64_t)stat.bytes + 200) == 0 &&
                   fs_pread(file, got, 200, (int64_t)stat.bytes) == 200;
    for (int i = 0; i < 200; i++)
        is_good &= got[i] == 0;
    return is_good & (fs_close(file) == 0);
}

// After each instruction: when it changed what is kept, restart from that, and look.
static void stepped(int signal) {
    (void)signal;
    if (!is_stepping || memcmp(&last_kept, &fs_kept, sizeof(fs_kept)) == 0)
        return;
    memcpy(&last_kept, &fs_kept, sizeof(fs_kept));
    memcpy(&saved_kept, &fs_kept, sizeof(fs_kept));
    memcpy(&saved_state, &fs_state, sizeof(fs_state));
    is_stepping = false;
    memset(&fs_state, 0xa5, sizeof(fs_state));
    if (fs_init(generation + 1, 1) != 0 || !was_kept())
        refused_count++;
    struct tree_walk walk = walk_all();
    if (!walk.is_good || walk.nodes != fs_state.ram.nodes || !tail_is_zero("/a") || !tail_is_zero("/none") ||
        !tail_is_zero("/d/e/large"))
        refused_count++;
    if (outcome_count < sizeof(outcomes) / sizeof(outcomes[0]))
        outcomes[outcome_count++] = walk.digest;
    if (!ends_empty())
        refused_count++;
    memcpy(&fs_state, &saved_state, sizeof(fs_state));
    memcpy(&fs_kept, &saved_kept, sizeof(fs_kept));
    is_stepping = true;
}

#define STEP_ON() __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" : : : "memory", "cc")
#define STEP_OFF() __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" : : : "memory", "cc")

static int create_file(void) { return fs_close(open_path("/d/new", FS_WRITE | FS_CREATE)); }
static int create_in_root(void) { return make_directory("/new"); }
static int create_directory(void) { return make_directory("/empty/new"); }
static int remove_file(void) { return unlink_path("/d/e/large"); }
static int remove_last(void) { return unlink_path("/single/one"); }
static int remove_empty(void) { return remove_directory("/empty"); }
static int rename_here(void) { return rename_path("/a", "/another name"); }
static int rename_away(void) { return rename_path("/d/e/large", "/empty/large"); }
static int rename_last(void) { return rename_path("/single/one", "/d/one"); }
static int rename_directory(void) { return rename_path("/d/e", "/empty/e"); }
static int rename_over(void) { return rename_path("/d/e/large", "/a"); }
static int rename_over_beside(void) { return rename_path("/d/e/1", "/d/e/gap"); }
static int rename_over_directory(void) { return rename_path("/d/e", "/empty"); }

static int write_at(const char *path, const char *text, int64_t offset) {
    int file = open_path(path, FS_WRITE), result = (int)fs_pwrite(file, text, strlen(text), offset);
    return fs_close(file) < 0 ? -1 : result == (int)strlen(text) ? 0 : result;
}
static int append(void) { return write_at("/a", " and more", 5); }
static int write_first(void) { return write_at("/none", "first", 0); }
static int write_far(void) { return write_at("/a", "x", 513 * 4096); }            // grows at the root, twice
static int write_gap(void) { return write_at("/d/e/gap", "filled", 100 * 4096); } // below an index block that is there
static int truncate_to(const char *path, int64_t bytes) {
    int file = open_path(path, FS_WRITE), result = fs_truncate(file, bytes);
    return fs_close(file) < 0 ? -1 : result;
}
static int cut_all(void) { return truncate_to("/d/e/gap", 0); }
static int cut_some(void) { return truncate_to("/d/e/large", 8150); }
static int extend(void) { return truncate_to("/a", 100000); }
static int open_truncating(void) { return fs_close(open_path("/d/e/large", FS_WRITE | FS_TRUNCATE)); }
static int close_unlinked(void) {
    int file = open_path("/d/e/large", FS_READ);
    return unlink_path("/d/e/large") || fs_close(file);
}

static const struct { const char *name; int (*run)(void); } operations[] = {
    {"create a file", create_file},
    {"create a directory", create_directory},
    {"remove a file", remove_file},
    {"remove the last of a directory", remove_last},
    {"remove a directory", remove_empty},
    {"rename in place", rename_here},
    {"rename into another directory", rename_away},
    {"rename the last of a directory", rename_last},
    {"rename a directory", rename_directory},
    {"replace", rename_over},
    {"replace a neighbour", rename_over_beside},
    {"replace a directory", rename_over_directory},
    {"append", append},
    {"write the first byte", write_first},
    {"write far beyond the end", write_far},
    {"write into a gap", write_gap},
    {"cut all", cut_all},
    {"cut some", cut_some},
    {"extend", extend},
    {"truncate by opening", open_truncating},
    {"close what was unlinked", close_unlinked},
};

static void step_through(const char *name, int (*run)(void), int more_names) {
    memset(&fs_kept, 0, sizeof(fs_kept)); // so that clearing a block is no thousand stops
    assert_int_equal(fs_init(++generation, 0), 0);
    build();
    for (int i = 0; i < more_names; i++) {
        char path[16];
        sprintf(path, "/n%d", i);
        put_file(path, "");
    }
    uint64_t before = digest();
    outcome_count = 0;
    memcpy(&last_kept, &fs_kept, sizeof(fs_kept));
    is_stepping = true;
    STEP_ON();
    int result = run();
    STEP_OFF();
    is_stepping = false;
    uint64_t after = digest();
    size_t old = 0; // stops at which nothing had happened yet
    while (old < outcome_count && outcomes[old] == before)
        old++;
    for (size_t i = old; i < outcome_count; i++)
        if (outcomes[i] != after)
            fail_msg("%s: stop %zu of %zu leaves neither the old state nor the new one", name, i, outcome_count);
    if (result != 0 || before == after || outcome_count < 3 || outcome_count == 10000 || refused_count)
        fail_msg("%s: result %d, %zu stops, %zu refused", name, result, outcome_count, refused_count);
}

// The restart itself, of a state in which there is much to make again: it may be stopped as well, and nothing is lost.
static void step_through_restart(void) {
    memset(&fs_kept, 0, sizeof(fs_kept));
    assert_int_equal(fs_init(++generation, 0), 0);
    build();
    uint64_t before = digest();
    outcome_count = 0;
    struct ram_entry *old = node_at("/d/e/large")->entry;
    fs_kept.ram.leaving = old; // as if a rename to /moved had been stopped right behind its commit point
    assert_int_equal(directory_add(&fs_state.ram, ram_node(fs_state.ram.mount.root), old->node, "moved", 5), 0);
    memcpy(&last_kept, &fs_kept, sizeof(fs_kept));
    is_stepping = true;
    STEP_ON();
    int result = fs_init(generation + 1, 1);
    STEP_OFF();
    is_stepping = false;
    uint64_t after = digest();
    assert_true(result == 0 && was_kept() && after != before && outcome_count > 200 && refused_count == 0);
    for (size_t i = 0; i < outcome_count; i++)
        assert_true(outcomes[i] == after);
}

static void stopped_at_each_store(void **state) {
    (void)state;
    static char stack[1 << 18];
    const stack_t other = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_handler = stepped, .sa_flags = SA_ONSTACK}, old;
    assert_int_equal(sigaltstack(&other, NULL), 0);
    assert_int_equal(sigaction(SIGTRAP, &action, &old), 0);
    refused_count = 0;
    build();
    uint32_t names = fs_state.ram.named, slots = ram_node(fs_state.ram.mount.root)->entries.used;
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        step_through(operations[i].name, operations[i].run, 0);
    step_through("a name more than the table holds", create_file, 64 - (int)names);
    step_through("a name more than the slots hold", create_in_root, 32 - (int)slots);
    step_through_restart();
    sigaction(SIGTRAP, &old, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {KEEP_TEST(stopped_at_each_store)};
    return cmocka_run_group_tests_name("fs stop", tests, NULL, NULL);
}
