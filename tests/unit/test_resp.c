// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// test_resp.c - the parser: arguments, every split point, the errors of Redis, random bytes, bytes that change.
#include "fake.h"
#include "resp.h"

#define WORDS_MAX 40

struct parsed {
    enum resp_status status;
    size_t consumed;         // by complete requests
    unsigned requests, words;
    char text[4096];         // all arguments, "<argument>" each, "." after each request
    size_t text_bytes;
    char error[48];
};

static void keep(struct parsed *parsed, const char *bytes, size_t count) {
    assert_true(parsed->text_bytes + count < sizeof(parsed->text));
    memcpy(parsed->text + parsed->text_bytes, bytes, count);
    parsed->text_bytes += count;
}

// Parses everything in input, which arrives in pieces of piece bytes (0: at once), each time at another address.
static void parse_all(const char *input, size_t bytes, size_t piece, struct parsed *parsed) {
    struct resp_parser parser;
    *parsed = (struct parsed){.status = RESP_INCOMPLETE};
    resp_open(&parser);
    size_t here = piece ? 0 : bytes;
    for (;;) {
        size_t count = here - parsed->consumed;
        char *copy = malloc(count ? count : 1);
        memcpy(copy, input + parsed->consumed, count);
        parsed->status = resp_parse(&parser, copy, count);
        if (parsed->status == RESP_REQUEST) {
            assert_true(parser.position > 0 && parser.position <= count);
            for (uint32_t i = 0; i < parser.count; i++) {
                size_t length;
                const char *argument = resp_argument(&parser, copy, i, &length);
                keep(parsed, "<", 1);
                keep(parsed, argument, length);
                keep(parsed, ">", 1);
            }
            keep(parsed, ".", 1);
            parsed->requests++;
            parsed->words += parser.count;
            parsed->consumed += parser.position;
            resp_next(&parser);
        } else if (parsed->status == RESP_INVALID) {
            strcpy(parsed->error, parser.error);
        }
        free(copy);
        if (parsed->status == RESP_INVALID || parsed->status == RESP_NO_MEMORY ||
            (parsed->status == RESP_INCOMPLETE && here == bytes))
            break;
        if (parsed->status == RESP_INCOMPLETE)
            here = here + piece < bytes ? here + piece : bytes;
    }
    resp_close(&parser);
    assert_int_equal(fake_heap_used, 0);
}

static void same_in_pieces(const char *input, size_t bytes, struct parsed *whole) {
    parse_all(input, bytes, 0, whole);
    for (size_t piece = 1; piece <= bytes && piece < 40; piece++) {
        struct parsed split;
        parse_all(input, bytes, piece, &split);
        assert_int_equal(split.status, whole->status);
        assert_int_equal(split.consumed, whole->consumed);
        assert_int_equal(split.text_bytes, whole->text_bytes);
        assert_memory_equal(split.text, whole->text, whole->text_bytes);
        assert_string_equal(split.error, whole->error);
    }
}

static void expect(const char *input, const char *text, const char *error) {
    struct parsed parsed;
    same_in_pieces(input, strlen(input), &parsed);
    assert_string_equal(parsed.text, text);
    assert_string_equal(parsed.error, error);
}

static void requests(void **state) {
    (void)state;
    expect("*1\r\n$4\r\nPING\r\n", "<PING>.", "");
    expect("*2\r\n$4\r\nPING\r\n$0\r\n\r\n*1\r\n$1\r\nx\r\n", "<PING><>.<x>.", "");
    expect("*0\r\n*-1\r\n*1\r\n$1\r\nx\r\n", "..<x>.", "");
    expect("*2\r\n$3\r\nGET\r\n$4\r\n\r\n\r\n\r\n", "<GET><\r\n\r\n>.", "");
    expect("*6\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n$1\r\nf\r\n", "<a><b><c><d><e><f>.", "");
    expect("*1\r\n$1\r\nx##*1\r\n$1\r\ny\r\n", "<x>.<y>.", ""); // Redis does not look at what ends an argument
    expect("*2\r\n$1\r\nx\r\n", "", "");
}

static void inline_requests(void **state) {
    (void)state;
    expect("PING\r\n  SET  a\tb \nGET a\n\r\n\n", "<PING>.<SET><a><b>.<GET><a>...", "");
    expect("a \"b c\" 'd e' \"\"\r\n", "<a><b c><d e><>.", "");
    expect("\"\\x41\\n\\t\\\"\\q\\x4\" 'a\\'b\\n'\n", "<A\n\t\"qx4><a'b\\n>.", "");
    expect("pre\"fix\" x'y'\n", "<prefix><xy>.", "");
    expect("\"a\"b\n", "", "Protocol error: unbalanced quotes in request");
    expect("'a'b\n", "", "Protocol error: unbalanced quotes in request");
    expect("SET a \"b\n", "", "Protocol error: unbalanced quotes in request");
    expect("a b c d e f g h\n", "<a><b><c><d><e><f><g><h>.", "");
}

static void errors(void **state) {
    (void)state;
    expect("*x\r\n", "", "Protocol error: invalid multibulk length");
    expect("*\r\n", "", "Protocol error: invalid multibulk length");
    expect("*2147483648\r\n", "", "Protocol error: invalid multibulk length");
    expect("*1x\r\n", "", "Protocol error: invalid multibulk length");
    expect("*01\r\n", "", "Protocol error: invalid multibulk length");
    expect("*1\r\nPING\r\n", "", "Protocol error: expected '$', got 'P'");
    expect("*1\r\n\r\n", "", "Protocol error: expected '$', got ' '");
    expect("*1\r\n$x\r\n", "", "Protocol error: invalid bulk length");
    expect("*1\r\n$-1\r\n", "", "Protocol error: invalid bulk length");
    expect("*1\r\n$536870913\r\n", "", "Protocol error: invalid bulk length");
    expect("*1\r\n$+1\r\n", "", "Protocol error: invalid bulk length");
    expect("*1\r\n$1\r\nx\r\n*q\r\n", "<x>.", "Protocol error: invalid multibulk length");
}

static void long_lines(void **state) {
    (void)state;
    static char line[RESP_LINE_MAX + 16];
    static const struct {
        const char *start, *error;
    } cases[] = {{"a", "Protocol error: too big inline request"},
                 {"*1", "Protocol error: too big mbulk count string"},
                 {"*1\r\n$1", "Protocol error: too big bulk count string"}};
    for (size_t i = 0; i < 3; i++) {
        struct parsed parsed;
        memset(line, '1', sizeof(line));
        memcpy(line, cases[i].start, strlen(cases[i].start));
        parse_all(line, RESP_LINE_MAX, 0, &parsed);
        assert_int_equal(parsed.status, RESP_INCOMPLETE);
        parse_all(line, sizeof(line), 0, &parsed);
        assert_int_equal(parsed.status, RESP_INVALID);
        assert_string_equal(parsed.error, cases[i].error);
    }
}

static void integers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } cases[] = {{"0", true, 0}, {"1", true, 1}, {"-1", true, -1}, {"9223372036854775807", true, INT64_MAX},
                 {"-9223372036854775808", true, INT64_MIN}, {"9223372036854775808", false, 0},
                 {"-9223372036854775809", false, 0}, {"18446744073709551617", false, 0}, {"99999999999999999999", false, 0},
                 {"", false, 0}, {"-", false, 0}, {"-0", false, 0}, {"00", false, 0}, {"+1", false, 0}, {" 1", false, 0},
                 {"1 ", false, 0}, {"0x1", false, 0}, {"1e3", false, 0}, {"1000000000000000000000", false, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int64_t value = 0;
        assert_int_equal(resp_integer(cases[i].text, strlen(cases[i].text), &value), cases[i].good);
        if (cases[i].good)
            assert_true(value == cases[i].value);
    }
}

// Random walks over what a parser looks at, cut at random: never a read outside, and always the same result in pieces.
static void random_bytes(void **state) {
    (void)state;
    static const char *const parts[] = {"*", "$", "1", "2", "3", "12", "-1", "\r\n", "\r\n", "\r\n", "\n", "\r", "*1\r\n", "*2\r\n",
                                        "$1\r\n", "$3\r\n", "abc", "a", "\"", "'", " ", "\\x41", "\\", "\0", "\xff", "PING"};
    for (int round = 0; round < 6000; round++) {
        char input[256];
        size_t bytes = 0;
        for (uint32_t i = 1 + random_below(24); i; i--) {
            const char *part = parts[random_below(sizeof(parts) / sizeof(*parts))];
            size_t count = *part ? strlen(part) : 1;
            memcpy(input + bytes, part, count);
            bytes += count;
        }
        if (random_below(4) == 0)
            input[random_below((uint32_t)bytes)] = (char)random_next();
        struct parsed whole;
        same_in_pieces(input, bytes, &whole);
    }
}

// Somebody else writes to the shared heap between two calls: the arguments may be anything, but lie inside.
static void changing_bytes(void **state) {
    (void)state;
    for (int round = 0; round < 20000; round++) {
        char start[] = "*3\r\n$3\r\nSET\r\n$10\r\n0123456789\r\n$5\r\nvalue\r\n";
        size_t bytes = sizeof(start) - 1, cut = random_below((uint32_t)bytes);
        struct resp_parser parser;
        resp_open(&parser);
        for (size_t here = cut;; here = bytes) {
            char *copy = malloc(here ? here : 1);
            for (int change = 0; change < 3; change++)
                start[random_below((uint32_t)bytes)] = "*$\r\n0123456789"[random_below(14)];
            memcpy(copy, start, here);
            enum resp_status status = resp_parse(&parser, copy, here);
            assert_true(parser.position <= here);
            for (uint32_t i = 0; status == RESP_REQUEST && i < parser.count; i++) {
                size_t length;
                const char *argument = resp_argument(&parser, copy, i, &length);
                volatile char sum = 0;
                while (length--)
                    sum += argument[length];
            }
            free(copy);
            if (status != RESP_INCOMPLETE || here == bytes)
                break;
        }
        resp_close(&parser);
    }
    assert_int_equal(fake_heap_used, 0);
}

static void many_arguments(void **state) {
    (void)state;
    size_t bytes = 0;
    char *input = malloc(1 << 20);
    bytes += (size_t)sprintf(input, "*10000\r\n");
    for (int i = 0; i < 10000; i++)
        bytes += (size_t)sprintf(input + bytes, "$%d\r\n%s\r\n", i % 5, &"xxxx"[4 - i % 5]);
    struct resp_parser parser;
    resp_open(&parser);
    assert_int_equal(resp_parse(&parser, input, bytes), RESP_REQUEST);
    assert_int_equal(parser.count, 10000);
    resp_next(&parser);
    fake_heap_limit = 1000;
    assert_int_equal(resp_parse(&parser, input, bytes), RESP_NO_MEMORY);
    assert_int_equal(resp_parse(&(struct resp_parser){.ranges = NULL, .room = 0}, "a\n", 0), RESP_INCOMPLETE);
    resp_close(&parser);
    fake_heap_limit = SIZE_MAX;
    assert_int_equal(fake_heap_used, 0);
    free(input);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests), cmocka_unit_test(inline_requests), cmocka_unit_test(errors),
        cmocka_unit_test(long_lines), cmocka_unit_test(integers), cmocka_unit_test(random_bytes),
        cmocka_unit_test(changing_bytes), cmocka_unit_test(many_arguments)};
    return cmocka_run_group_tests_name("resp", tests, NULL, NULL);
}
