// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// debug_inject.c - CONFIG_FAULT_INJECTION: DEBUG INJECT word ..., as core/include/inject.h says; by itself: the kinds.
// Answers OK, an integer (PENDING, CANARIES), or an error with a sentence.
#include "commands.h"
#include "format.h"
#include "inject.h"
#include "string.h"

#define WORD_BYTES 24

static void reply_kinds(struct reply *reply) {
    reply_array(reply, INJECT_KINDS - 1);
    for (uint32_t kind = 1; kind < INJECT_KINDS; kind++)
        reply_word(reply, inject_kind_name(kind));
}

// The arguments from the third on, in lower case. False: too many or too long.
static bool words_read(const struct request *request, char texts[][WORD_BYTES], const char **words) {
    if (request->count - 2 > INJECT_WORDS_MAX)
        return false;
    for (uint32_t i = 2; i < request->count; i++) {
        struct span span = request_argument(request, i);
        if (span.length >= WORD_BYTES)
            return false;
        for (size_t at = 0; at < span.length; at++) {
            char byte = span.bytes[at];
            texts[i - 2][at] = byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
        }
        texts[i - 2][span.length] = 0;
        words[i - 2] = texts[i - 2];
    }
    return true;
}

bool debug_further(struct request *request) {
    char texts[INJECT_WORDS_MAX][WORD_BYTES], text[160];
    const char *words[INJECT_WORDS_MAX];
    int number = -1;
    if (!request_is(request, 1, "inject"))
        return false;
    const char *wrong = "a word is too long, or there are too many";
    if (request->count == 2) {
        reply_kinds(request->reply);
        return true;
    }
    if (words_read(request, texts, words))
        wrong = inject_request(request->count - 2, words, &number);
    if (wrong) {
        format(text, sizeof(text), "ERR %s", wrong);
        reply_error(request->reply, text);
    } else if (number >= 0) {
        reply_integer(request->reply, number);
    } else {
        reply_ok(request->reply);
    }
    return true;
}
