// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// resp.c - see resp.h.
#include "alloc.h"
#include "format.h"
#include "resp.h"
#include "string.h"

#define NUMBER_READ_MAX 22 // type character, sign, 19 digits, one too many

bool resp_integer(const char *text, size_t bytes, int64_t *value) {
    bool negative = bytes > 1 && text[0] == '-';
    size_t i = negative;
    if (bytes == 0 || bytes > 20)
        return false;
    if (bytes == 1 && text[0] == '0') {
        *value = 0;
        return true;
    }
    if (text[i] < '1' || text[i] > '9')
        return false;
    uint64_t magnitude = 0;
    for (; i < bytes; i++) {
        if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(magnitude, 10, &magnitude) ||
            __builtin_add_overflow(magnitude, (uint64_t)(text[i] - '0'), &magnitude))
            return false;
    }
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *value = (int64_t)(negative ? -magnitude : magnitude);
    return true;
}

void resp_open(struct resp_parser *parser) {
    parser->ranges = parser->few;
    parser->room = RESP_ARGUMENTS_INLINE;
    parser->line = NULL;
    resp_next(parser);
}

void resp_next(struct resp_parser *parser) {
    if (parser->line || parser->ranges != parser->few) {
        resp_close(parser);
        parser->ranges = parser->few;
        parser->room = RESP_ARGUMENTS_INLINE;
        parser->line = NULL;
    }
    parser->position = 0;
    parser->remaining = 0;
    parser->bulk_bytes = -1;
    parser->count = 0;
}

void resp_close(struct resp_parser *parser) {
    heap_free(parser->line);
    if (parser->ranges != parser->few)
        heap_free(parser->ranges);
}

static inline bool add_argument(struct resp_parser *parser, size_t offset, size_t bytes) {
    if (parser->count == parser->room) {
        size_t wanted = (size_t)parser->room * 2 * sizeof(struct resp_range);
        struct resp_range *more = parser->ranges == parser->few ? heap_alloc(wanted) : heap_realloc(parser->ranges, wanted);
        if (!more)
            return false;
        if (parser->ranges == parser->few)
            memcpy(more, parser->few, sizeof(parser->few));
        parser->ranges = more;
        parser->room *= 2;
    }
    parser->ranges[parser->count++] = (struct resp_range){(uint32_t)offset, (uint32_t)bytes};
    return true;
}

static enum resp_status invalid(struct resp_parser *parser, const char *why) {
    format(parser->error, sizeof(parser->error), "%s", why);
    return RESP_INVALID;
}

// Offset of the first wanted character at or after from; bytes when there is none before a NUL or the end (Redis uses strchr).
static size_t find(const char *input, size_t from, size_t bytes, char wanted) {
    for (size_t i = from; i < bytes; i++) {
        char character = *(const volatile char *)(input + i);
        if (character == wanted)
            return i;
        if (!character)
            return bytes;
    }
    return bytes;
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char unescape(char c) {
    switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return c;
    }
}

// One word of a quoted line (Redis' sdssplitargs), unquoted in place: the result is never longer than the source. Returns
// where the word ends, or NULL for unbalanced quotes. *out is advanced past the unquoted bytes.
static char *unquote(char *from, char **out) {
    char quote = 0;
    for (;; from++) {
        char c = *from;
        if (!quote) {
            if (c == 0 || c == ' ' || c == '\n' || c == '\r' || c == '\t')
                return from;
            if (c == '"' || c == '\'')
                quote = c;
            else
                *(*out)++ = c;
        } else if (c == 0) {
            return NULL;
        } else if (c == quote) {
            return from[1] && !is_space(from[1]) ? NULL : from + 1;
        } else if (quote == '"' && c == '\\' && from[1] == 'x' && hex_value(from[2]) >= 0 && hex_value(from[3]) >= 0) {
            *(*out)++ = (char)(hex_value(from[2]) << 4 | hex_value(from[3]));
            from += 3;
        } else if (c == '\\' && (quote == '"' ? from[1] != 0 : from[1] == '\'')) {
            from++;
            *(*out)++ = quote == '"' ? unescape(*from) : '\'';
        } else {
            *(*out)++ = c;
        }
    }
}

static enum resp_status parse_inline(struct resp_parser *parser, const char *input, size_t bytes) {
    size_t newline = find(input, 0, bytes, '\n');
    if (newline == bytes)
        return bytes > RESP_LINE_MAX ? invalid(parser, "Protocol error: too big inline request") : RESP_INCOMPLETE;
    parser->line = heap_alloc(newline + 1);
    if (!parser->line)
        return RESP_NO_MEMORY;
    memcpy(parser->line, input, newline);
    size_t length = newline && parser->line[newline - 1] == '\r' ? newline - 1 : newline;
    parser->line[length] = 0;
    for (char *from = parser->line;;) {
        while (is_space(*from))
            from++;
        if (!*from)
            break;
        char *word = from, *end = from;
        from = unquote(from, &end);
        if (!from)
            return invalid(parser, "Protocol error: unbalanced quotes in request");
        if (!add_argument(parser, (size_t)(word - parser->line), (size_t)(end - word)))
            return RESP_NO_MEMORY;
    }
    parser->position = newline + 1;
    return RESP_REQUEST;
}

// What nearly every line is: the type character, at most nine digits, both end bytes. Returns where it ends; 0 when it is
// another one, or not complete: parse_line decides then, and what was read here does not count. Each byte is read once.
static inline size_t short_line(const char *input, size_t from, size_t bytes, char type, uint32_t *value) {
    const volatile char *line = input + from;
    size_t left = bytes - from;
    if (left < 4 || line[0] != type)
        return 0;
    uint32_t number = (uint32_t)line[1] - '0';
    if (number > 9)
        return 0;
    bool is_zero = !number;
    for (size_t i = 2; i <= 10 && i + 1 < left; i++) {
        uint32_t character = (unsigned char)line[i], digit = character - '0';
        if (character == '\r') {
            *value = number;
            return from + i + 2;
        }
        if (digit > 9 || is_zero)
            return 0;
        number = number * 10 + digit;
    }
    return 0;
}

// Takes the line at position: type character and number. RESP_REQUEST: *type, *value (and *is_number) are set.
static enum resp_status parse_line(struct resp_parser *parser, const char *input, size_t bytes, const char *too_big,
                                   char *type, bool *is_number, int64_t *value) {
    size_t end = find(input, parser->position, bytes, '\r');
    if (end == bytes)
        return bytes - parser->position > RESP_LINE_MAX ? invalid(parser, too_big) : RESP_INCOMPLETE;
    if (end + 2 > bytes)
        return RESP_INCOMPLETE;
    char line[NUMBER_READ_MAX];
    size_t length = end - parser->position;
    size_t kept = length < sizeof(line) ? length : sizeof(line);
    memcpy(line, input + parser->position, kept);
    *type = kept ? line[0] : '\r';
    *is_number = length > 0 && length < sizeof(line) && resp_integer(line + 1, length - 1, value);
    parser->position = end + 2;
    return RESP_REQUEST;
}

static inline enum resp_status parse_bulk(struct resp_parser *parser, const char *input, size_t bytes) {
    uint32_t length;
    size_t next = parser->bulk_bytes < 0 ? short_line(input, parser->position, bytes, '$', &length) : 0;
    if (next && length <= RESP_BULK_MAX) {
        parser->position = next;
        parser->bulk_bytes = length;
    } else if (parser->bulk_bytes < 0) {
        char type;
        bool is_number;
        int64_t value = 0;
        enum resp_status status =
            parse_line(parser, input, bytes, "Protocol error: too big bulk count string", &type, &is_number, &value);
        if (status != RESP_REQUEST)
            return status;
        if (type != '$') {
            type = type == '\r' || type == '\n' ? ' ' : type; // as Redis: an error is one line
            format(parser->error, sizeof(parser->error), "Protocol error: expected '$', got '%c'", type);
            return RESP_INVALID;
        }
        if (!is_number || value < 0 || value > RESP_BULK_MAX)
            return invalid(parser, "Protocol error: invalid bulk length");
        parser->bulk_bytes = value;
    }
    size_t wanted = (size_t)parser->bulk_bytes;
    if (bytes - parser->position < wanted + 2)
        return RESP_INCOMPLETE;
    if (!add_argument(parser, parser->position, wanted))
        return RESP_NO_MEMORY;
    parser->position += wanted + 2; // as Redis: whatever these two bytes are
    parser->bulk_bytes = -1;
    parser->remaining--;
    return RESP_REQUEST;
}

static enum resp_status parse_arguments(struct resp_parser *parser, const char *input, size_t bytes) {
    while (parser->remaining > 0) {
        enum resp_status status = parse_bulk(parser, input, bytes);
        if (status != RESP_REQUEST)
            return status;
    }
    return RESP_REQUEST;
}

// A request whose first line is no short one.
static enum resp_status parse_count(struct resp_parser *parser, const char *input, size_t bytes) {
    char type;
    bool is_number;
    int64_t value = 0;
    enum resp_status status =
        parse_line(parser, input, bytes, "Protocol error: too big mbulk count string", &type, &is_number, &value);
    if (status != RESP_REQUEST)
        return status;
    if (!is_number || value > INT32_MAX)
        return invalid(parser, "Protocol error: invalid multibulk length");
    parser->remaining = value > 0 ? (int32_t)value : 0;
    return parse_arguments(parser, input, bytes);
}

enum resp_status resp_parse(struct resp_parser *parser, const char *input, size_t bytes) {
    if (parser->position == 0) {
        if (bytes == 0)
            return RESP_INCOMPLETE;
        if (*(const volatile char *)input != '*')
            return parse_inline(parser, input, bytes);
        uint32_t count;
        size_t next = short_line(input, 0, bytes, '*', &count);
        if (!next)
            return parse_count(parser, input, bytes);
        parser->remaining = (int32_t)count; // nine digits at most
        parser->position = next;
    }
    return parse_arguments(parser, input, bytes);
}
