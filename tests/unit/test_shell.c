// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_shell.c - the console shell whole, between a console, a monitor and a net of which the test is the author.
//
// Rows come from memory that other domains can write, so the fakes also give rows of random bytes: whatever they
// hold, what is printed must be lines of printable characters, of bounded length.
#include <setjmp.h>
#include "shell_commands.h"
#include "console.h"
#include "domain.h"
#include "fake.h"
#include "line.h"
#include "net.h"
#include "out.h"
#include "recovery.h"
#include "shell.h"
#include "system.h"
#include "thread.h"
#include "xheap.h"

// ---- console

static char printed[1 << 20];
static size_t printed_bytes;
static const char *input;
static size_t input_bytes, input_piece;
static jmp_buf at_rest;

int console_write(const char *text, size_t bytes) {
    assert_in_range(bytes, 1, CONSOLE_WRITE_MAX);
    assert_true(printed_bytes + bytes < sizeof(printed));
    memcpy(printed + printed_bytes, text, bytes);
    printed_bytes += bytes;
    printed[printed_bytes] = 0;
    return 0;
}

int console_read(char *text, size_t bytes) {
    size_t count = input_bytes < input_piece ? input_bytes : input_piece;
    count = count < bytes ? count : bytes;
    memcpy(text, input, count);
    input += count;
    input_bytes -= count;
    return (int)count;
}

int __wrap_thread_sleep_until(uint64_t deadline_ns);
int __wrap_thread_sleep_until(uint64_t deadline_ns) {
    assert_true(deadline_ns == DEADLINE_NEVER); // else it would poll
    longjmp(at_rest, 1);
}

// ---- monitor and net

static struct system_about about;
static struct system_domain domains[DOMAIN_MAX];
static struct system_component components[EVENT_MAX];
static struct system_edge edges[100];
static struct system_thread threads[THREAD_MAX];
static struct system_object objects[64];
static struct net_status net;
static struct fault_row fault_rows[40];
static uint32_t fault_count;
static uint32_t component_count_fake, object_count, stopped;

static int rows(void *out, const void *all, size_t row_bytes, uint32_t count, uint32_t first, size_t max) {
    assert_in_range(max, 1, SYSTEM_BATCH_MAX);
    uint32_t left = first < count ? count - first : 0, got = left < max ? left : (uint32_t)max;
    memcpy(out, (const char *)all + first * row_bytes, got * row_bytes);
    return (int)got;
}

int system_about(struct system_about *out) { return *out = about, 0; }
int system_domains(uint32_t first, struct system_domain *out, size_t max) {
    return rows(out, domains, sizeof(*out), about.domains, first, max);
}
int system_components(uint32_t first, struct system_component *out, size_t max) {
    return rows(out, components, sizeof(*out), component_count_fake, first, max);
}
int system_edges(uint32_t first, struct system_edge *out, size_t max) {
    return rows(out, edges, sizeof(*out), about.edges, first, max);
}
int system_threads(uint32_t first, struct system_thread *out, size_t max) {
    return rows(out, threads, sizeof(*out), about.threads, first, max);
}
// Rows of the chunk of first, from first on; objects[] is sorted. Hostile rows: as they are.
int system_objects(uint32_t first, struct system_object *out, size_t max) {
    int count = 0;
    for (uint32_t i = 0; i < object_count && (size_t)count < max; i++)
        if (objects[i].granule >= first &&
            objects[i].granule / XHEAP_CHUNK_GRANULES == first / XHEAP_CHUNK_GRANULES) out[count++] = objects[i];
    return count;
}
int faults_read(uint64_t first, struct fault_row *out, size_t max) {
    int count = 0;
    for (uint32_t i = 0; i < fault_count && (size_t)count < max; i++)
        if (fault_rows[i].number >= first) out[count++] = fault_rows[i];
    return count;
}
int system_stop(uint32_t how) { return stopped = how + 1, -EINVAL; }
int net_status(struct net_status *out) { return *out = net, 0; }

struct xheap_owner fake_owners[ARENA_BYTES / XHEAP_GRANULE_BYTES] __asm__("owner_table");
uint8_t fake_classes[ARENA_BYTES / XHEAP_CHUNK_BYTES] __asm__("chunk_class");

// ---- helpers

static void run(const char *bytes, size_t count, size_t piece) {
    input = bytes;
    input_bytes = count;
    input_piece = piece;
    printed_bytes = 0;
    printed[0] = 0;
    if (!setjmp(at_rest))
        (void)!shell_main();
}

static const char *says(const char *command) {
    char text[LINE_MAX + 1];
    snprintf(text, sizeof(text), "%s", command);
    printed_bytes = 0;
    printed[0] = 0;
    shell_execute(text);
    out_flush();
    return printed;
}

static void small_system(void) {
    memset(domains, 0, sizeof(domains));
    memset(components, 0, sizeof(components));
    memset(edges, 0, sizeof(edges));
    memset(threads, 0, sizeof(threads));
    about = (struct system_about){.domains = 3, .components = 12, .edges = 2, .threads = 2, .has_keys = 1, .counts_calls = 1};
    component_count_fake = 12;
    strcpy(domains[0].name, "nucleus");
    strcpy(domains[1].name, "monitor");
    domains[1] = (struct system_domain){.name = "monitor", .pkey = 1, .generation = 1, .stack_bytes = 32768, .state = SYSTEM_DOMAIN_RUNNING};
    domains[2] = (struct system_domain){.name = "a_rather_long_name", .pkey = 2, .generation = 12, .stack_bytes = 122880, .heap_bytes = 3 << 19,
                                        .state = SYSTEM_DOMAIN_STARTING, .charged_bytes = 512, .most_bytes = 1024,
                                            .quota_bytes = 48 << 20, .misuses = 7};
    for (uint32_t i = 0; i < component_count_fake; i++) {
        components[i] = (struct system_component){.domain = 2, .event = 2 + i};
        snprintf(components[i].name, sizeof(components[i].name), "component%u", i);
    }
    edges[0] = (struct system_edge){.function = "some_function", .caller = 1, .callee = 2, .kind = EDGE_GIVES, .calls = 12345678901,
                                    .copied_bytes = 1234567890};
    edges[1] = (struct system_edge){.function = "never", .caller = 2, .callee = 1, .kind = EDGE_FULL};
    threads[0] = (struct system_thread){.name = "boot", .component = UINT32_MAX, .state = THREAD_ENDED, .event = SYSTEM_NO_EVENT,
                                        .deadline_ns = DEADLINE_NEVER};
    threads[1] = (struct system_thread){.name = "main", .component = 3, .state = THREAD_WAITING, .priority = 10, .event = 5,
                                        .deadline_ns = DEADLINE_NEVER};
    fake_public.cpu.thread = 7;
}

// ---- tests

static void lines(void **state) {
    (void)state;
    struct line line = {0};
    const char *text = "ab\tc\x80\x1b[2J\n";
    enum line_result result = LINE_MORE;
    for (const char *c = text; *c; c++) {
        assert_int_equal(result, LINE_MORE);
        result = line_add(&line, *c);
    }
    assert_int_equal(result, LINE_COMPLETE);
    assert_string_equal(line.text, "ab c??[2J");
    assert_int_equal(line_add(&line, '\r'), LINE_COMPLETE);
    assert_string_equal(line.text, "");
    for (unsigned length = LINE_MAX - 1; length <= LINE_MAX + 2; length++) {
        for (unsigned i = 0; i < length; i++)
            assert_int_equal(line_add(&line, 'x'), LINE_MORE);
        assert_int_equal(line_add(&line, '\n'), length <= LINE_MAX ? LINE_COMPLETE : LINE_TOO_LONG);
        assert_int_equal(strlen(line.text), length <= LINE_MAX ? length : LINE_MAX);
    }
}

static void words(void **state) {
    (void)state;
    char *word[3];
    char empty[] = "   ", one[] = " one  ", many[] = "a bb  ccc dddd ";
    assert_int_equal(line_words(empty, word, 3), 0);
    assert_int_equal(line_words(one, word, 3), 1);
    assert_string_equal(word[0], "one");
    assert_int_equal(line_words(many, word, 3), 3);
    assert_string_equal(word[0], "a");
    assert_string_equal(word[1], "bb");
    assert_string_equal(word[2], "ccc dddd ");
}

static void sizes(void **state) {
    (void)state;
    static const struct { uint64_t bytes; const char *text; } wanted[] = {
        {0, "0"}, {1, "1 B"}, {1023, "1023 B"}, {1024, "1 KiB"}, {1536, "1.5 KiB"}, {102399, "99.9 KiB"}, {102400, "100 KiB"},
        {102401, "100 KiB"}, {1 << 20, "1 MiB"}, {(1ull << 40) * 5, "5 TiB"}, {UINT64_MAX, "16777215 TiB"}};
    char out[OUT_SIZE_BYTES + 4];
    for (size_t i = 0; i + 1 < sizeof(wanted) / sizeof(*wanted); i++)
        assert_string_equal(out_size(out, wanted[i].bytes), wanted[i].text);
    out[OUT_SIZE_BYTES] = 'x';
    out_size(out, UINT64_MAX); // cut, not spilled
    assert_int_equal(out[OUT_SIZE_BYTES], 'x');
}

static void durations(void **state) {
    (void)state;
    char out[OUT_DURATION_BYTES];
    assert_string_equal(out_duration(out, 999999999), "00:00:00");
    assert_string_equal(out_duration(out, 86399ull * 1000000000), "23:59:59");
    assert_string_equal(out_duration(out, 86400ull * 1000000000), "1 day, 00:00:00");
    assert_string_equal(out_duration(out, (2 * 86400ull + 3661) * 1000000000), "2 days, 01:01:01");
    assert_string_equal(out_duration(out, UINT64_MAX), "213503 days, 23:34:33");
}

static void tables(void **state) {
    (void)state;
    small_system();
    assert_string_equal(says("domains"),
                        "domain          key starts state      stack     heap components\n"
                        "nucleus           0      0 starting       0        0\n"
                        "monitor           1      1 running   32 KiB        0\n"
                        "a_rather_long_n   2     12 starting 120 KiB  1.5 MiB component0 component1\n"
                        "                                                     component2 component3\n"
                        "                                                     component4 component5\n"
                        "                                                     component6 component7\n"
                        "                                                     component8 component9\n"
                        "                                                     component10 component11\n");
    assert_string_equal(says("gates"),
                        "caller       callee       function                 gate        calls     copied\n"
                        "monitor      a_rather_lon some_function            gives 12345678901 1234567890\n"
                        "12345678901 calls, 1234567890 bytes copied; gates called: 1, never called: 1\n");
    about.counts_calls = 0;
    assert_string_equal(says("gates"), "this image does not count calls through its gates (CONFIG_GATE_COUNT)\n");
    about.has_keys = 0;
    assert_string_equal(says("gates"), "all components share one domain: calls are function calls, there are no gates\n");
    assert_string_equal(says("threads"),
                        "id thread               domain          prio state    waits for\n"
                        " 0 boot                 monitor            0 ended\n"
                        " 1 main                 a_rather_long_n   10 waiting  lock of component3\n");
    memset(fake_owners, 0, sizeof(fake_owners));
    memset(fake_classes, 0, sizeof(fake_classes));
    fake_classes[0] = 2; // 512 bytes
    fake_owners[0].owner_link = fake_owners[2].owner_link = 2 << 24;
    fake_owners[3].owner_link = 2 << 24; // no object's first granule: of no meaning
    objects[0] = (struct system_object){.granule = 0, .bytes = 512, .owner = 2, .payer = 1,
        .state = SYSTEM_OBJECT_LENT, .site = "make make.c:1"};
    objects[1] = (struct system_object){.granule = 2, .bytes = 512, .owner = 2, .payer = 2,
        .state = SYSTEM_OBJECT_CACHED, .site = "make make.c:1"};
    object_count = 2;
    assert_string_equal(says("heap"),
                        "owner              owned   cached     lent    given  charged     most    quota\n"
                        "a_rather_long_n    1 KiB    512 B    512 B        0    512 B    1 KiB   48 MiB\n"
                        "size              chunks  objects     free    bytes\n"
                        "512 B                  1      128      126   63 KiB\n"
                        "never used          1023                   63.9 MiB\n"
                        "64 MiB in all; owned includes cached and lent, given is what others own and its quota pays\n"
                        "a_rather_long_name: refused by its quota 0 times, misused objects 7 times\n");
    assert_string_equal(says("sites"),
                        "owner              bytes  objects     size allocated or received at\n"
                        "a_rather_long_n    512 B        1    512 B make make.c:1\n");
    assert_string_equal(says("faults"), "nothing has gone wrong so far\n");
    for (fault_count = 0; fault_count < 9; fault_count++)
        fault_rows[fault_count] = (struct fault_row){.number = 3 + fault_count, .domain = "fs", .component = "fs", .kind = "write",
            .address = 0x240002000, .key = 5, .owner = "net", .object = "rx-buffer", .generation = 3, .thread = 2, .gate = "fs_read",
            .caller = "kv", .at = "fs_cache_fill+0x4c domains/fs/cache.c:88", .from = "kv_save+0x20 domains/kv/kv.c:1",
            .action = "unwound to kv with -EDOMAINDEAD; restart 1, ready after 84 us"};
    const char *text = says("faults");
    assert_memory_equal(text, "3. fs gen 3 (fs): write 0x240002000, key 5, net's rx-buffer\n"
                              "   at fs_cache_fill+0x4c domains/fs/cache.c:88, thread 2, entered by fs_read from kv:kv_save+0x20 domains/kv/kv.c:1\n"
                              "   unwound to kv with -EDOMAINDEAD; restart 1, ready after 84 us\n4. fs gen 3", 250);
    assert_non_null(strstr(text, "\n11. fs gen 3"));
    fault_count = 0;
    net = (struct net_status){.frames_in = 12, .bytes_in = 3456, .connections_max = 10, .listeners = 1};
    assert_non_null(strstr(says("ifconfig"), "there is no network device"));
    assert_non_null(strstr(says("ifconfig"), "in            12 frames           3456 bytes        0 dropped\n"));
}

static void ends(void **state) {
    (void)state;
    stopped = 0;
    assert_string_equal(says("shutdown"), "the monitor refused: error 22\n");
    assert_int_equal(stopped, SYSTEM_SHUTDOWN + 1);
    says("reboot");
    assert_int_equal(stopped, SYSTEM_REBOOT + 1);
    stopped = 0;
    assert_string_equal(says("shutdown now"), "shutdown takes no arguments\n");
    assert_int_equal(stopped, 0);
}

// A prompt only when nothing more is there; silence when nothing ever came; a last line without its end counts.
static void prompts(void **state) {
    (void)state;
    small_system();
    run("", 0, 1);
    assert_string_equal(printed, "");
    run("a\nb\n", 4, 4);
    assert_string_equal(printed, "unknown command 'a': help lists those that there are\n"
                                 "unknown command 'b': help lists those that there are\n"
                                 "cloister> \nshell: the input has ended; the system goes on\n");
    run("a\nb", 3, 1);
    assert_string_equal(printed, "unknown command 'a': help lists those that there are\ncloister> "
                                 "unknown command 'b': help lists those that there are\n"
                                 "shell: the input has ended; the system goes on\n");
}

static void must_be_lines(void) {
    size_t column = 0;
    for (size_t i = 0; i < printed_bytes; i++) {
        assert_true(printed[i] == '\n' || (printed[i] >= ' ' && printed[i] <= '~'));
        column = printed[i] == '\n' ? 0 : column + 1;
        assert_true(column < OUT_LINE_MAX + sizeof("cloister> "));
    }
    assert_int_equal(column, 0);
}

static void scribble(void *out, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)out)[i] = (uint8_t)random_next();
}

static void hostile_rows(void **state) {
    (void)state;
    static const char *const commands[] = {"help", "domains", "threads", "gates", "heap", "sites", "ifconfig",
        "faults", "uptime"};
    for (unsigned turn = 0; turn < 300; turn++) {
        scribble(domains, sizeof(domains));
        scribble(components, sizeof(components));
        scribble(edges, sizeof(edges));
        scribble(threads, sizeof(threads));
        scribble(&net, sizeof(net));
        scribble(objects, sizeof(objects));
        object_count = random_below(65);
        scribble(fault_rows, sizeof(fault_rows));
        fault_count = random_below(41);
        scribble(fake_owners, 4096);
        scribble(fake_classes, sizeof(fake_classes));
        scribble(&about, sizeof(about));
        about.domains = random_below(DOMAIN_MAX + 1);
        about.edges = random_below(101);
        about.threads = random_below(THREAD_MAX + 1);
        component_count_fake = random_below(EVENT_MAX + 1);
        for (uint32_t i = 0; i < component_count_fake; i++)
            components[i].domain %= DOMAIN_MAX;
        for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
            says(commands[i]);
            must_be_lines();
        }
    }
}

static void random_input(void **state) {
    (void)state;
    static const char *const bits[] = {"help", "heap", "gates", "domains", "threads", "uptime", "ifconfig", " ", "\n", "\n", "\r\n", "x"};
    static char text[4096];
    small_system();
    for (unsigned turn = 0; turn < 300; turn++) {
        size_t bytes = 0;
        while (bytes < 3000 && random_below(200))
            if (random_below(3)) {
                const char *bit = bits[random_below(sizeof(bits) / sizeof(*bits))];
                memcpy(text + bytes, bit, strlen(bit));
                bytes += strlen(bit);
            } else {
                text[bytes++] = (char)random_next();
            }
        run(text, bytes, 1 + random_below(1500));
        must_be_lines();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines), cmocka_unit_test(words), cmocka_unit_test(sizes), cmocka_unit_test(durations), cmocka_unit_test(tables),
        cmocka_unit_test(ends), cmocka_unit_test(prompts), cmocka_unit_test(hostile_rows), cmocka_unit_test(random_input)};
    return cmocka_run_group_tests_name("shell", tests, NULL, NULL);
}
