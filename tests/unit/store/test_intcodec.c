/* test_intcodec.c - columns of numbers: every distribution comes back, no bytes break the decoder.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store_world.h"

#include "old_classes.h"
#include "store/intcodec.h"

enum { SHAPES = 11 };

static uint64_t values[RSI_INTS_MAX];
static uint64_t decoded[RSI_INTS_MAX];
static uint32_t narrow[RSI_INTS_MAX];

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
    case 8:
        return i % 17 == 3 ? random >> 50 : 1;
    case 9:
        return random % 3000 * (random >> 63);
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
    for (unsigned shape = 0; shape < SHAPES; shape++) {
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

static void gives_back_numbers_of_32_bits_and_refuses_larger_ones(void **state)
{
    rs_error err = {0};
    rsi_intcodec *codec = NULL;
    uint64_t seed = 5;
    (void)state;
    assert_int_equal(rsi_intcodec_new(&codec, &err), RS_OK);
    for (unsigned shape = 0; shape < SHAPES; shape++) {
        for (size_t count = 1; count <= RSI_INTS_MAX; count *= 16) {
            rsi_buffer out = {0};
            uint64_t all = 0;
            for (size_t i = 0; i < count; i++) {
                values[i] = draw(shape, i, &seed);
                all |= values[i];
            }
            assert_int_equal(rsi_ints_encode(codec, values, count, &out, &err), RS_OK);
            rsi_cursor cursor = {out.bytes, out.bytes + out.length};
            rs_status status = rsi_ints_decode32(codec, &cursor, count, narrow, &err);
            assert_int_equal(status, all <= UINT32_MAX ? RS_OK : RS_ECORRUPT);
            for (size_t i = 0; status == RS_OK && i < count; i++) {
                assert_int_equal(narrow[i], values[i]);
            }
            if (status != RS_OK) {
                assert_string_equal(err.message, "column: a value of more than 32 bits");
            }
            rsi_buffer_free(&out);
        }
    }
    rsi_intcodec_free(codec);
}

static void reads_what_old_writers_wrote(void **state)
{
    static const size_t counts[] = {1, 2, 5, 64, 1000, 65536};
    rs_error err = {0};
    rsi_intcodec *codec = NULL;
    uint64_t seed = 77;
    (void)state;
    assert_int_equal(rsi_intcodec_new(&codec, &err), RS_OK);
    for (unsigned shape = 0; shape < SHAPES; shape++) {
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            size_t length = 0;
            for (size_t i = 0; i < counts[c]; i++) {
                values[i] = draw(shape, i, &seed);
            }
            uint8_t *column = old_column(values, counts[c], &length);
            rsi_cursor cursor = {column, column + length};
            memset(decoded, 0xee, sizeof decoded);
            assert_int_equal(rsi_ints_decode(codec, &cursor, counts[c], decoded, &err), RS_OK);
            assert_memory_equal(values, decoded, counts[c] * sizeof *values);
            for (size_t i = 0; i < length; i += 1 + length / 500) {
                column[i] ^= (uint8_t)(1u << i % 8);
                cursor = (rsi_cursor){column, column + length};
                rs_status status = rsi_ints_decode(codec, &cursor, counts[c], decoded, &err);
                assert_true(status == RS_OK || status == RS_ECORRUPT);
                column[i] ^= (uint8_t)(1u << i % 8);
            }
            free(column);
        }
    }
    rsi_intcodec_free(codec);
}

/* The column printed in docs/FORMAT.md. */
static void reads_the_column_in_the_document(void **state)
{
    static const uint8_t column[] = {0x11, 0, 0, 0, 3, 0, 4, 0x12, 0x20, 1, 0,
                                     1,    0, 1, 0, 0, 0, 1, 6,    0,    2};
    static const uint64_t expected[] = {0, 1, 1, 6, 1};
    rs_error err = {0};
    rsi_intcodec *codec = NULL;
    rsi_cursor cursor = {column, column + sizeof column};
    (void)state;
    assert_int_equal(rsi_intcodec_new(&codec, &err), RS_OK);
    assert_int_equal(rsi_ints_decode(codec, &cursor, 5, decoded, &err), RS_OK);
    assert_memory_equal(decoded, expected, sizeof expected);
    rsi_intcodec_free(codec);
}

/* Each form where it is the one that pays. */
static void takes_the_form_that_is_smallest(void **state)
{
    static const struct {
        unsigned shape;
        uint8_t form;
        size_t bytes_max; /* of 10,000 values */
    } table[] = {{0, 0, 13},  {1, 3, 80100}, {3, 2, 8000}, {5, 3, 30100},
                 {6, 4, 200}, {8, 4, 2000},  {9, 3, 9000}, {4, 3, 17500}};
    rs_error err = {0};
    rsi_intcodec *codec = NULL;
    uint64_t seed = 9;
    (void)state;
    assert_int_equal(rsi_intcodec_new(&codec, &err), RS_OK);
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        rsi_buffer out = {0};
        for (size_t i = 0; i < 10000; i++) {
            values[i] = draw(table[t].shape, i, &seed);
            values[i] = table[t].shape == 6 ? values[i] & ~(uint64_t)3 : values[i];
        }
        assert_int_equal(rsi_ints_encode(codec, values, 10000, &out, &err), RS_OK);
        assert_int_equal(out.bytes[4], table[t].form);
        assert_in_range(out.length, 0, table[t].bytes_max);
        rsi_buffer_free(&out);
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
    for (unsigned shape = 0; shape < SHAPES; shape++) {
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
        {"\x09\0\0\0\x07\0\0\0\0\0\0\0\0", 13, "column: form 0 to 4 was expected, found 7"},
        {"\x05\0\0\0\0\0\0\0\0", 9, "column: a constant of 8 bytes was expected, found 4"},
        {"\xff\0\0\0\0", 5, "column: 255 bytes were expected, found 1"},
        {"\x0a\0\0\0\0\1\2\3\4\5\6\7\x08\x09", 14, "column: 1 bytes too many"},
        {"\x03\0\0\0\3\x41\1", 7, "classes: no code of 1 symbols from 65 on"},
        {"\x03\0\0\0\3\5\0", 7, "classes: no code of 0 symbols from 5 on"},
        {"\x03\0\0\0\3\2\1", 7, "column: 1 bytes of bits were expected, found 0"},
        {"\x04\0\0\0\3\2\2\x12", 8, "classes: no code of 2 symbols from 2 on"},
        {"\x05\0\0\0\3\0\3\x11\x12", 9, "classes: no code of 3 symbols from 0 on"},
        {"\x0c\0\0\0\3\0\2\x11\1\0\1\0\1\0\0\0", 16,
         "classes: 3 bytes of codes were expected, found 0"},
        {"\x0f\0\0\0\3\0\2\x11\1\0\1\0\1\0\0\0\0\0\0", 19, NULL},
        {"\x0f\0\0\0\3\0\2\x11\1\0\1\0\1\0\0\0\4\0\0", 19,
         "classes: stream 0 does not end where it should"},
        {"\x10\0\0\0\3\0\2\x11\1\0\2\0\1\0\0\0\0\0\0\0", 20,
         "classes: stream 1 does not end where it should"},
        {"\x0d\0\0\0\4\1\0\0\0\0\0\0\0\6\0\0\0", 17, "column: 6 values of 5 cannot be others"},
        {"\x11\0\0\0\4\1\0\0\0\0\0\0\0\2\0\0\0\4\7\0\7", 21,
         "column: value 1 of 2 others has no place"},
        {"\x0e\0\0\0\4\1\0\0\0\0\0\0\0\1\0\0\0\4", 18, "column: value 0 of 1 others has no place"},
    };
    rs_error err = {0};
    rsi_intcodec *codec = NULL;
    (void)state;
    assert_int_equal(rsi_intcodec_new(&codec, &err), RS_OK);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const uint8_t *bytes = (const uint8_t *)table[i].bytes;
        rsi_cursor cursor = {bytes, bytes + table[i].length};
        rs_status status = rsi_ints_decode(codec, &cursor, 5, decoded, &err);
        assert_int_equal(status, table[i].message == NULL ? RS_OK : RS_ECORRUPT);
        if (status != RS_OK) {
            assert_string_equal(err.message, table[i].message);
        }
    }
    rsi_intcodec_free(codec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_every_distribution),
        cmocka_unit_test(gives_back_numbers_of_32_bits_and_refuses_larger_ones),
        cmocka_unit_test(reads_what_old_writers_wrote),
        cmocka_unit_test(reads_the_column_in_the_document),
        cmocka_unit_test(takes_the_form_that_is_smallest),
        cmocka_unit_test(packs_every_width_at_every_offset),
        cmocka_unit_test(stays_near_the_entropy),
        cmocka_unit_test(refuses_damaged_bytes_or_stays_in_bounds),
        cmocka_unit_test(says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
