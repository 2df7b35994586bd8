// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// real.c - see real.h.
//
// Numbers on the way are natural numbers of LIMBS 32-bit limbs, the least first. The longest: 800 digits divided by 10^1124,
// shifted left so that 64 bits of quotient are left over (about 3,800 bits).
#include "format.h"
#include "real.h"
#include "string.h"

#define LIMBS 128
#define DIGITS_MAX 800
#define FORMAT_DIGITS 17
#define EXPONENT_BIAS 1075      // value = mantissa * 2^(biased exponent - 1075)
#define BILLION 1000000000

struct natural {
    uint32_t limbs[LIMBS];
    unsigned used;              // the last one used is not zero
};

static void multiply(struct natural *number, uint32_t factor, uint32_t add) {
    uint64_t carry = add;
    for (unsigned i = 0; i < number->used; i++) {
        carry += (uint64_t)number->limbs[i] * factor;
        number->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry)
        number->limbs[number->used++] = (uint32_t)carry;
}

static uint32_t divide(struct natural *number, uint32_t divisor) {
    uint64_t rest = 0;
    for (unsigned i = number->used; i-- > 0;) {
        rest = rest << 32 | number->limbs[i];
        number->limbs[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    while (number->used && !number->limbs[number->used - 1])
        number->used--;
    return (uint32_t)rest;
}

static void shift_left(struct natural *number, unsigned bits) {
    unsigned limbs = bits / 32;
    if (!number->used)
        return;
    multiply(number, (uint32_t)1 << bits % 32, 0);
    memmove(number->limbs + limbs, number->limbs, number->used * sizeof(number->limbs[0]));
    memset(number->limbs, 0, limbs * sizeof(number->limbs[0]));
    number->used += limbs;
}

static void multiply_power(struct natural *number, uint32_t base, unsigned power) {
    for (; power; power--)
        multiply(number, base, 0);
}

static int bits_of(const struct natural *number) {
    return number->used ? (int)number->used * 32 - __builtin_clz(number->limbs[number->used - 1]) : 0;
}

// The double next to (mantissa, whose last bit also stands for whatever was lost below it) * 2^exponent.
static uint64_t pack(uint64_t mantissa, int exponent) {
    if (!mantissa)
        return 0;
    int shift = 11 - __builtin_clzll(mantissa);           // to 53 bits
    if (exponent + shift < 1 - EXPONENT_BIAS)             // subnormal: the exponent stays at its lowest
        shift = 1 - EXPONENT_BIAS - exponent;
    if (shift > 63) // at most one half of the least number there is
        return shift == 64 && mantissa > (uint64_t)1 << 63;
    int biased = exponent + shift + EXPONENT_BIAS;
    if (shift <= 0) {
        mantissa <<= -shift;
    } else {
        uint64_t lost = mantissa & (((uint64_t)1 << shift) - 1), half = (uint64_t)1 << (shift - 1);
        mantissa >>= shift;
        mantissa += lost > half || (lost == half && (mantissa & 1));
    }
    if (mantissa >> 53) {
        mantissa >>= 1;
        biased++;
    }
    if (biased >= 2047)
        return REAL_INFINITY;
    return mantissa >> 52 ? (uint64_t)biased << 52 | (mantissa & (((uint64_t)1 << 52) - 1)) : mantissa;
}

// number * 10^power, rounded. lost: something below number's last digit was not zero.
static uint64_t round_decimal(struct natural *number, int power, bool lost) {
    int exponent = 0;
    if (power > 0) {
        multiply_power(number, 10, (unsigned)power);
    } else if (power < 0) {
        int shift = 66 - bits_of(number) - power * 10 / 3; // 10^3 < 2^10
        shift = shift > 0 ? shift : 0;
        shift_left(number, (unsigned)shift);
        exponent = -shift;
        for (; power <= -9; power += 9)
            lost |= divide(number, BILLION) != 0;
        for (; power < 0; power++)
            lost |= divide(number, 10) != 0;
    }
    int bits = bits_of(number), drop = bits > 64 ? bits - 64 : 0;
    for (int i = 0; i < drop / 32; i++)
        lost |= number->limbs[i] != 0;
    unsigned first = (unsigned)drop / 32, within = (unsigned)drop % 32;
    unsigned __int128 window = 0;
    for (unsigned i = 0; i < 3 && first + i < number->used; i++)
        window |= (unsigned __int128)number->limbs[first + i] << (32 * i);
    lost |= (window & (((unsigned __int128)1 << within) - 1)) != 0;
    return pack((uint64_t)(window >> within) | lost, exponent + drop);
}

static bool is_word(const char *text, size_t bytes, const char *word) {
    if (bytes != strlen(word))
        return false;
    for (size_t i = 0; i < bytes; i++)
        if ((text[i] | 0x20) != word[i])
            return false;
    return true;
}

bool real_parse(const char *text, size_t bytes, uint64_t *value) {
    struct natural number = {.used = 0};
    uint64_t sign = 0;
    size_t at = 0;
    int digits = 0, power = 0;
    bool any = false, point = false, lost = false;
    if (at < bytes && (text[at] == '-' || text[at] == '+'))
        sign = text[at++] == '-' ? REAL_SIGN : 0;
    if (is_word(text + at, bytes - at, "inf") || is_word(text + at, bytes - at, "infinity")) {
        *value = sign | REAL_INFINITY;
        return true;
    }
    for (; at < bytes; at++) {
        if (text[at] == '.' && !point) {
            point = true;
            continue;
        }
        unsigned digit = (unsigned)(text[at] - '0');
        if (digit > 9)
            break;
        any = true;
        if (power > 100000 || power < -100000) // a value longer than any number
            return false;
        if (digits < DIGITS_MAX) {
            multiply(&number, 10, digit);
            digits += number.used != 0;
            power -= point;
        } else {
            lost |= digit != 0;
            power += !point;
        }
    }
    if (!any)
        return false;
    if (at < bytes && (text[at] | 0x20) == 'e') {
        bool negative = ++at < bytes && text[at] == '-';
        int exponent = 0;
        at += at < bytes && (text[at] == '-' || text[at] == '+');
        if (at == bytes)
            return false;
        for (; at < bytes && text[at] >= '0' && text[at] <= '9'; at++)
            exponent = exponent < 1000000 ? exponent * 10 + (text[at] - '0') : exponent;
        power += negative ? -exponent : exponent;
    }
    if (at != bytes)
        return false;
    if (!number.used) {
        *value = sign;
        return true;
    }
    if (digits + power > 310 || digits + power < -330)
        return false;
    uint64_t magnitude = round_decimal(&number, power, lost);
    *value = sign | magnitude;
    return magnitude != 0 && magnitude != REAL_INFINITY;
}

// The digits of number without leading zeros, most significant first; returns how many.
static int digits_of(struct natural *number, char *out, int room) {
    char *first = out + room;
    while (number->used) {
        uint32_t part = divide(number, BILLION);
        for (int i = 0; i < 9 && (number->used || part); i++, part /= 10)
            *--first = (char)('0' + part % 10);
    }
    int count = (int)(out + room - first);
    memmove(out, first, (size_t)count);
    return count;
}

// Rounds to FORMAT_DIGITS digits, ties to even; returns whether that carried into a new digit.
static bool round_digits(char *digits, int count) {
    bool rest = false;
    for (int i = FORMAT_DIGITS + 1; i < count; i++)
        rest |= digits[i] != '0';
    bool up = digits[FORMAT_DIGITS] > '5' ||
              (digits[FORMAT_DIGITS] == '5' && (rest || ((digits[FORMAT_DIGITS - 1] - '0') & 1)));
    for (int i = FORMAT_DIGITS - 1; up && i >= 0; i--) {
        if (digits[i] != '9') {
            digits[i]++;
            return false;
        }
        digits[i] = '0';
    }
    if (up)
        digits[0] = '1';
    return up;
}

size_t real_format(uint64_t value, char out[REAL_TEXT_MAX]) {
    uint64_t mantissa = value & (((uint64_t)1 << 52) - 1);
    int biased = (int)(value >> 52 & 2047), power = 0;
    size_t used = 0;
    if (value & REAL_SIGN)
        out[used++] = '-';
    if (biased == 2047 || (!biased && !mantissa))
        return used + format(out + used, REAL_TEXT_MAX - used, "%s", biased ? "inf" : "0");
    mantissa |= biased ? (uint64_t)1 << 52 : 0;
    int exponent = (biased ? biased : 1) - EXPONENT_BIAS;
    for (; exponent < 0 && !(mantissa & 1); exponent++)
        mantissa >>= 1;
    if (exponent == 0)
        return used + format(out + used, REAL_TEXT_MAX - used, "%lu", mantissa);
    struct natural number = {.limbs = {(uint32_t)mantissa, (uint32_t)(mantissa >> 32)}, .used = mantissa >> 32 ? 2 : 1};
    if (exponent > 0) {
        shift_left(&number, (unsigned)exponent);
    } else { // m / 2^k = m * 5^k / 10^k
        multiply_power(&number, 5, (unsigned)-exponent);
        power = exponent;
    }
    char digits[DIGITS_MAX];
    int count = digits_of(&number, digits, sizeof(digits)), scale = count + power - 1; // d.ddd * 10^scale
    if (count > FORMAT_DIGITS) {
        scale += round_digits(digits, count);
        count = FORMAT_DIGITS;
    }
    while (count > 1 && digits[count - 1] == '0')
        count--;
    bool scientific = scale < -4 || scale >= FORMAT_DIGITS;
    if (!scientific && scale < 0) {
        used += format(out + used, REAL_TEXT_MAX - used, "0.%0*d", -scale - 1, 0);
        used -= scale == -1; // "%00d" still writes one zero
    }
    int whole = scientific ? 1 : scale + 1;
    for (int i = 0; i < count || i < whole; i++) {
        if (i == whole && whole > 0)
            out[used++] = '.';
        out[used++] = i < count ? digits[i] : '0';
    }
    if (scientific)
        used += format(out + used, REAL_TEXT_MAX - used, "e%c%02d", scale < 0 ? '-' : '+', scale < 0 ? -scale : scale);
    return used;
}

bool real_add(uint64_t left, uint64_t right, uint64_t *sum) {
    uint64_t large = left & ~REAL_SIGN, small = right & ~REAL_SIGN, sign = left & REAL_SIGN;
    bool opposite = (left ^ right) & REAL_SIGN;
    if (small > large) {
        sign = right & REAL_SIGN;
        large = right & ~REAL_SIGN;
        small = left & ~REAL_SIGN;
    }
    if (large == REAL_INFINITY) {
        *sum = sign | large;
        return !(opposite && small == REAL_INFINITY);
    }
    if (large == small && opposite) {
        *sum = 0;
        return true;
    }
    uint64_t bit = (uint64_t)1 << 52;
    int high = (int)(large >> 52), low = (int)(small >> 52);
    uint64_t a = (large & (bit - 1)) | (high ? bit : 0), b = (small & (bit - 1)) | (low ? bit : 0);
    high += !high;
    low += !low;
    a <<= 10; // ten bits below the last place: nine exact ones and the one for what was lost
    b <<= 10;
    int apart = high - low;
    if (apart > 63)
        b = b != 0;
    else
        b = b >> apart | ((b & (((uint64_t)1 << apart) - 1)) != 0);
    *sum = sign | pack(opposite ? a - b : a + b, high - EXPONENT_BIAS - 10);
    return true;
}
