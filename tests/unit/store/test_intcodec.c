/* test_intcodec.c - columns of numbers: every distribution comes back, no bytes break the decoder.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store_world.h"

#include "store/intcodec.h"

static uint64_t values[RSI_INTS_MAX];
static uint64_t decoded[RSI_INTS_MAX];

/* The `shape`th distribution. */
static uint64_t draw(unsigned shape, size_t i, uint64_t *state)
{
    static const uint64_t often[] = {0, 1, 499, 999, 1999, UINT64_MAX};
    uint64_t random = world_random(state);
    switch (shape) {
    case 0:
        return 7;
    case 1:
        return random;
    case 2:
        return random >> (random & 63); /* every class */
    case 3:
        return often[random >> 32 & 7 ? (random >> 40) % 5 : 5];
    case 4:
        return i;
    case 5:
        return random >> 40;
    case 6:
        return i % 1000 == 0 ? UINT64_MAX - (random & 3) : random >> 62;
    case 7:
        return (uint64_t)1 << (random & 63);
    default:
        return i == 0;
    }
}

static void gives_back_every_distribution(void **state)
{
    static const size_t counts[] = {0,  1,  2,    3,    7,    8,     9,    63,
                                    64, 65, 1000, 4095, 4097, 65535, 65536};
    rs_error err = {0};
    rsi_intcodec *codec = NULL;
    uint64_t seed = 11;
    (void)state;
    assert_int_equal(rsi_intcodec_new(&codec, &err), RS_OK);
    for (unsigned shape = 0; shape < 9; shape++) {
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            rsi_buffer out = {0};
            for (size_t i = 0; i < counts[c]; i++) {
                values[i] = draw(shape, i, &seed);
            }
            assert_int_equal(rsi_ints_encode(codec, values, counts[c], &out, &err), RS_OK);
            /* In memory of exactly its size, so that a read beyond it shows. */
            uint8_t *exact = malloc(out.length);
            memcpy(exact, out.bytes, out.length);
            rsi_cursor cursor = {exact, exact + out.length};
            memset(decoded, 0xee, sizeof decoded);
            assert_int_equal(rsi_ints_decode(codec, &cursor, counts[c], decoded, &err), RS_OK);
            assert_ptr_equal(cursor.at, cursor.end);
            assert_memory_equal(values, decoded, counts[c] * sizeof *values);
            cursor.at = exact;
            assert_int_equal(rsi_ints_skip(&cursor, &err), RS_OK);
            assert_ptr_equal(cursor.at, cursor.end);
            free(exact);
            rsi_buffer_free(&out);
        }
    }
    rsi_intcodec_free(codec);
}

/* Any value at any bit offset: widths of 1 to 63 behind a prefix of 0 to 7 bits. */
static void packs_every_width_at_every_offset(void **state)
{
    rs_error err = {0};
    rsi_intcodec *codec = NULL;
    (void)state;
    assert_int_equal(rsi_intcodec_new(&codec, &err), RS_OK);
    for (unsigned width = 0; width < 64; width++) {
        for (unsigned offset = 0; offset < 8; offset++) {
            rsi_buffer out = {0};
            size_t count = 0;
            for (unsigned i = 0; i < offset; i++) {
                values[count++] = 3; /* one bit each */
            }
            values[count++] = (uint64_t)1 << width | 0x5555555555555555u >> (63 - width);
            values[count++] = UINT64_MAX >> (63 - width);
            values[count++] = 0;
            values[count++] = 5;
            assert_int_equal(rsi_ints_encode(codec, values, count, &out, &err), RS_OK);
            rsi_cursor cursor = {out.bytes, out.bytes + out.length};
            assert_int_equal(rsi_ints_decode(codec, &cursor, count, decoded, &err), RS_OK);
            assert_memory_equal(values, decoded, count * sizeof *values);
            rsi_buffer_free(&out);
        }
    }
    rsi_intcodec_free(codec);
}

/* Elias' gamma with packed exponents must stay near the entropy, and repeated values far below. */
static void stays_near_the_entropy(void **state)
{
    rs_error err = {0};
    rsi_intcodec *codec = NULL;
    rsi_buffer out = {0};
    uint64_t seed = 3;
    (void)state;
    assert_int_equal(rsi_intcodec_new(&codec, &err), RS_OK);
    for (size_t i = 0; i < RSI_INTS_MAX; i++) {
        values[i] = world_random(&seed) % 31536000; /* 24.9 bits */
    }
    assert_int_equal(rsi_ints_encode(codec, values, RSI_INTS_MAX, &out, &err), RS_OK);
    assert_in_range(out.length, 0, (size_t)(RSI_INTS_MAX * 25.1 / 8));
    for (size_t i = 0; i < RSI_INTS_MAX; i++) {
        values[i] = 1999 + (i * i / 3) % 4 * 1000003;
    }
    out.length = 0;
    assert_int_equal(rsi_ints_encode(codec, values, RSI_INTS_MAX, &out, &err), RS_OK);
    assert_in_range(out.length, 0, RSI_INTS_MAX / 2);
    rsi_buffer_free(&out);
    rsi_intcodec_free(codec);
}

static void refuses_damaged_bytes_or_stays_in_bounds(void **state)
{
    rs_error err = {0};
    rsi_intcodec *codec = NULL;
    uint64_t seed = 23;
    (void)state;
    assert_int_equal(rsi_intcodec_new(&codec, &err), RS_OK);
    for (unsigned shape = 0; shape < 9; shape++) {
        rsi_buffer out = {0};
        size_t count = 300;
        for (size_t i = 0; i < count; i++) {
            values[i] = draw(shape, i, &seed);
        }
        assert_int_equal(rsi_ints_encode(codec, values, count, &out, &err), RS_OK);
        for (size_t bit = 0; bit < out.length * 8; bit++) {
            uint8_t *copy = malloc(out.length);
            memcpy(copy, out.bytes, out.length);
            copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
            rsi_cursor cursor = {copy, copy + out.length};
            rs_status status = rsi_ints_decode(codec, &cursor, count, decoded, &err);
            assert_true(status == RS_OK || status == RS_ECORRUPT);
            free(copy);
        }
        for (size_t length = 0; length < out.length; length++) {
            uint8_t *copy = malloc(length + 1);
            memcpy(copy, out.bytes, length);
            rsi_cursor cursor = {copy, copy + length};
            assert_int_equal(rsi_ints_decode(codec, &cursor, count, decoded, &err), RS_ECORRUPT);
            free(copy);
        }
        rsi_buffer_free(&out);
    }
    rsi_intcodec_free(codec);
}

static void says_what_is_wrong(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *message;
    } table[] = {
        {"\x09\0\0\0\x07\0\0\0\0\0\0\0\0", 13, "column: form 0, 1 or 2 was expected, found 7"},
        {"\x05\0\0\0\0\0\0\0\0", 9, "column: a constant of 8 bytes was expected, found 4"},
        {"\xff\0\0\0\0", 5, "column: 255 bytes were expected, found 1"},
        {"\x0a\0\0\0\0\1\2\3\4\5\6\7\x08\x09", 14, "column: 1 bytes too many"},
    };
    rs_error err = {0};
    rsi_intcodec *codec = NULL;
    (void)state;
    assert_int_equal(rsi_intcodec_new(&codec, &err), RS_OK);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const uint8_t *bytes = (const uint8_t *)table[i].bytes;
        rsi_cursor cursor = {bytes, bytes + table[i].length};
        assert_int_equal(rsi_ints_decode(codec, &cursor, 5, decoded, &err), RS_ECORRUPT);
        assert_string_equal(err.message, table[i].message);
    }
    rsi_intcodec_free(codec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_every_distribution),
        cmocka_unit_test(packs_every_width_at_every_offset),
        cmocka_unit_test(stays_near_the_entropy),
        cmocka_unit_test(refuses_damaged_bytes_or_stays_in_bounds),
        cmocka_unit_test(says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
