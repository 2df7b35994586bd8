// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// format.c - see format.h.
#include <stdbool.h>
#include <stdint.h>
#include "format.h"
#include "invariant.h"
#include "string.h"

struct sink {
    char *out;
    size_t used, room; // room without the NUL
};

struct conversion {
    bool left, zero, has_precision;
    size_t width, precision;
    int longs; // how wide the argument is: -1 h, -2 hh, 0 int, 1 long, 2 long long, size_t or pointer
};

static void put(struct sink *sink, const char *text, size_t bytes) {
    size_t free = sink->room - sink->used;
    if (bytes > free)
        bytes = free;
    memcpy(sink->out + sink->used, text, bytes);
    sink->used += bytes;
}

static void pad(struct sink *sink, char character, size_t count) {
    size_t free = sink->room - sink->used;
    if (count > free)
        count = free;
    memset(sink->out + sink->used, character, count);
    sink->used += count;
}

static void put_field(struct sink *sink, const struct conversion *conversion, const char *prefix, const char *text,
                      size_t bytes) {
    size_t prefix_bytes = strlen(prefix);
    size_t fill = conversion->width > prefix_bytes + bytes ? conversion->width - prefix_bytes - bytes : 0;
    if (!conversion->left && !conversion->zero)
        pad(sink, ' ', fill);
    put(sink, prefix, prefix_bytes);
    if (!conversion->left && conversion->zero)
        pad(sink, '0', fill);
    put(sink, text, bytes);
    if (conversion->left)
        pad(sink, ' ', fill);
}

static void put_number(struct sink *sink, const struct conversion *conversion, const char *prefix, uint64_t value,
                       unsigned base, const char *digits) {
    char text[20]; // 2^64 has 20 decimal digits
    char *first = text + sizeof(text);
    do
        *--first = digits[value % base];
    while (value /= base);
    put_field(sink, conversion, prefix, first, (size_t)(text + sizeof(text) - first));
}

static const char *parse_conversion(const char *fmt, struct conversion *conversion, int star_width, int star_precision) {
    for (; *fmt == '-' || *fmt == '0'; fmt++)
        *(*fmt == '-' ? &conversion->left : &conversion->zero) = true;
    if (*fmt == '*') {
        fmt++;
        conversion->left |= star_width < 0;
        conversion->width = star_width < 0 ? -(size_t)star_width : (size_t)star_width;
    }
    while (*fmt >= '0' && *fmt <= '9')
        conversion->width = conversion->width * 10 + (size_t)(*fmt++ - '0');
    if (*fmt == '.') {
        fmt++;
        conversion->has_precision = true;
        if (*fmt == '*') {
            fmt++;
            conversion->has_precision = star_precision >= 0; // C: a negative precision counts as none
            conversion->precision = (size_t)star_precision;
        }
        while (*fmt >= '0' && *fmt <= '9')
            conversion->precision = conversion->precision * 10 + (size_t)(*fmt++ - '0');
    }
    for (; *fmt == 'l' || *fmt == 'h'; fmt++)
        conversion->longs += *fmt == 'l' ? 1 : -1;
    if (*fmt == 'z' || *fmt == 'j' || *fmt == 't') {
        conversion->longs = 2;
        fmt++;
    }
    return fmt;
}

// How many '*' belong to the conversion that starts at fmt: 1 for a width, 2 for a precision.
static unsigned stars_of(const char *fmt) {
    unsigned stars = 0;
    while (*fmt == '-' || *fmt == '0')
        fmt++;
    if (*fmt == '*') {
        stars |= 1;
        fmt++;
    }
    while (*fmt >= '0' && *fmt <= '9')
        fmt++;
    if (fmt[0] == '.' && fmt[1] == '*')
        stars |= 2;
    return stars;
}

size_t format_v(char *out, size_t room, const char *fmt, va_list arguments) {
    if (room == 0)
        return 0;
    struct sink sink = {out, 0, room - 1};
    while (*fmt) {
        if (*fmt != '%') {
            size_t plain = 0;
            while (fmt[plain] && fmt[plain] != '%')
                plain++;
            put(&sink, fmt, plain);
            fmt += plain;
            continue;
        }
        struct conversion conversion = {0};
        unsigned stars = stars_of(++fmt);
        int star_width = stars & 1 ? va_arg(arguments, int) : 0;
        int star_precision = stars & 2 ? va_arg(arguments, int) : 0;
        fmt = parse_conversion(fmt, &conversion, star_width, star_precision);
        char kind = *fmt++;
        if (kind == '%') {
            put(&sink, "%", 1);
        } else if (kind == 'c') {
            char character = (char)va_arg(arguments, int);
            put_field(&sink, &conversion, "", &character, 1);
        } else if (kind == 's') {
            const char *text = va_arg(arguments, const char *);
            text = text ? text : "(null)";
            size_t bytes = conversion.has_precision ? strnlen(text, conversion.precision) : strlen(text);
            conversion.zero = false;
            put_field(&sink, &conversion, "", text, bytes);
        } else if (kind == 'p') {
            put_number(&sink, &conversion, "0x", (uintptr_t)va_arg(arguments, void *), 16, "0123456789abcdef");
        } else if (kind == 'd' || kind == 'i') {
            int64_t value = conversion.longs > 0 ? va_arg(arguments, int64_t) : va_arg(arguments, int);
            value = conversion.longs == -1 ? (int16_t)value : conversion.longs < -1 ? (int8_t)value : value;
            put_number(&sink, &conversion, value < 0 ? "-" : "", value < 0 ? -(uint64_t)value : (uint64_t)value, 10,
                       "0123456789");
        } else {
            invariant(kind == 'u' || kind == 'x' || kind == 'X');
            uint64_t value = conversion.longs > 0 ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned);
            value = conversion.longs == -1 ? (uint16_t)value : conversion.longs < -1 ? (uint8_t)value : value;
            put_number(&sink, &conversion, "", value, kind == 'u' ? 10 : 16,
                       kind == 'X' ? "0123456789ABCDEF" : "0123456789abcdef");
        }
    }
    sink.out[sink.used] = 0;
    return sink.used;
}

size_t format(char *out, size_t room, const char *fmt, ...) {
    va_list arguments;
    va_start(arguments, fmt);
    size_t written = format_v(out, room, fmt, arguments);
    va_end(arguments);
    return written;
}
