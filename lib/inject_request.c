// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// inject_request.c - requests to go wrong, as people write them in the shell and send them to kv (core/include/inject.h).
#include <stdbool.h>
#include "format.h"
#include "inject.h"
#include "string.h"
#include "system.h"

static char sentence[120];

static bool number_read(const char *text, uint64_t *out) {
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && at - text < 19; at++) value = value * 10 + (uint64_t)(*at - '0');
    *out = value;
    return at != text && !*at;
}

// The row of the component of this name; -ENOENT.
static int64_t component_row(const char *name) {
    struct system_component rows[SYSTEM_BATCH_MAX];
    for (uint32_t first = 0;; first += SYSTEM_BATCH_MAX) {
        int count = system_components(first, rows, SYSTEM_BATCH_MAX);
        for (int i = 0; i < count && i < SYSTEM_BATCH_MAX; i++)
            if (!strncmp(rows[i].name, name, SYSTEM_NAME_BYTES)) return first + (uint32_t)i;
        if (count < SYSTEM_BATCH_MAX) return -ENOENT;
    }
}

static uint32_t kind_of(const char *name) {
    for (uint32_t kind = 1; kind < INJECT_KINDS; kind++)
        if (!strcmp(inject_kind_name(kind), name)) return kind;
    return INJECT_NONE;
}

static const char *refuse(const char *fmt, const char *word) {
    format(sentence, sizeof sentence, fmt, word);
    return sentence;
}

// A mask, or the one bit of a name.
static bool mask_read(const char *word, bool is_kind, uint64_t *out) {
    if (number_read(word, out)) return true;
    int64_t bit = is_kind ? kind_of(word) : component_row(word);
    *out = 1ull << (bit & 63);
    return is_kind ? bit != INJECT_NONE : bit >= 0;
}

// random seed every-ms [kinds [components]]: masks of both, or one name
static const char *random_request(uint32_t count, const char *const *words) {
    uint64_t numbers[4] = {0};
    if (count < 3 || count > 5) return "say random seed every-ms [kinds [components]]";
    for (uint32_t i = 1; i < count; i++)
        if (!(i > 2 ? mask_read(words[i], i == 3, &numbers[i - 1]) : number_read(words[i], &numbers[i - 1])))
            return refuse("'%.20s' is no number", words[i]);
    if (numbers[1] > UINT32_MAX) return "that is too long a time";
    return fault_inject_random(numbers[0], (uint32_t)numbers[1], numbers[2], numbers[3]) ? "nothing could be drawn" : NULL;
}

const char *inject_request(uint32_t count, const char *const *words, int *number_out) {
    uint32_t at = 2, when = INJECT_CALL(1);
    uint64_t number = 0, argument = 0;
    *number_out = -1;
    if (count && !strcmp(words[0], "random")) return random_request(count, words);
    if (count == 1 && !strcmp(words[0], "pending")) {
        *number_out = fault_inject_pending();
        return NULL;
    }
    if (count == 1 && !strcmp(words[0], "canaries")) {
        *number_out = canaries_check();
        return NULL;
    }
    if (count < 2) return "say component kind [call n | tick | after ms] [argument]";
    int64_t component = component_row(words[0]);
    uint32_t kind = kind_of(words[1]);
    if (component < 0) return refuse("there is no component '%.20s'", words[0]);
    if (kind == INJECT_NONE) return refuse("there is no kind '%.20s'", words[1]);
    if (at < count && !strcmp(words[at], "tick")) {
        at++;
        when = INJECT_TICK;
    } else if (at < count && (!strcmp(words[at], "call") || !strcmp(words[at], "after"))) {
        bool is_call = words[at][0] == 'c';
        if (++at == count || !number_read(words[at], &number) || number > INJECT_NUMBER || (is_call && !number))
            return refuse("after '%.20s' there must be a number", words[at - 1]);
        when = is_call ? INJECT_CALL((uint32_t)number) : INJECT_AFTER((uint32_t)number);
        at++;
    }
    if (at < count && !number_read(words[at], &argument)) {
        int64_t row = component_row(words[at]);
        if (row < 0) return refuse("'%.20s' is no number and no component", words[at]);
        argument = (uint64_t)row;
    }
    if (at + 1 < count) return refuse("'%.20s' is too much", words[at + 1]);
    if (kind == INJECT_WILD && at == count) return "wild wants the component that is written into";
    int error = fault_inject((uint32_t)component, kind, when, argument);
    return error ? refuse("'%.20s' cannot go wrong in that way or at that time", words[0]) : NULL;
}
