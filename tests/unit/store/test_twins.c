/* test_twins.c - what is done in eights, or with four streams at once, gives what the plain loops
 * give: the files are compiled here once more without the fast ones.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store_world.h"

#define RSI_PLAIN
#define rsi_bits_write    plain_bits_write
#define rsi_bits_read     plain_bits_read
#define rsi_prefix_choose plain_prefix_choose
#define rsi_prefix_bytes  plain_prefix_bytes
#define rsi_prefix_encode plain_prefix_encode
#define rsi_prefix_decode plain_prefix_decode
#include "../../../src/store/bits.c"
#include "../../../src/store/prefix.c"
#undef rsi_bits_write
#undef rsi_bits_read
#undef rsi_prefix_choose
#undef rsi_prefix_bytes
#undef rsi_prefix_encode
#undef rsi_prefix_decode
/* The library's own: the headers have declared the others. */
size_t rsi_bits_read(const uint8_t *bits, size_t length, const uint8_t *classes, size_t count,
                     rsi_numbers to);
rsi_prefix rsi_prefix_choose(const uint32_t histogram[RSI_PREFIX_SYMBOLS]);
rs_status rsi_prefix_encode(const rsi_prefix *code, const uint8_t *symbols, size_t count,
                            rsi_buffer *out, rs_error *err);
rs_status rsi_prefix_decode(rsi_cursor *cursor, size_t count, uint8_t *symbols, rs_error *err);

enum { COUNT_MAX = 3000 };

/* Classes up to `largest`, small ones more often. */
static void draw_classes(uint8_t *classes, size_t count, unsigned largest, uint64_t *seed)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t random = world_random(seed);
        unsigned class = (unsigned)(random >> 8) % (largest + 1);
        classes[i] = (uint8_t)(random & 3 ? class : class / 2);
    }
}

static void reads_the_same_numbers(void **state)
{
    static uint64_t wide[2][COUNT_MAX];
    static uint32_t narrow[2][COUNT_MAX];
    static uint8_t classes[COUNT_MAX];
    uint64_t seed = 41;
    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        unsigned largest = round % 65;
        size_t count = world_random(&seed) % (round % 3 == 0 ? COUNT_MAX : 40);
        draw_classes(classes, count, largest, &seed);
        /* Too few bytes as well: what is missing counts as 0. */
        size_t length = world_random(&seed) % (count * largest / 8 + 9);
        uint8_t *bits = malloc(length + 1);
        assert_non_null(bits);
        for (size_t i = 0; i < length; i++) {
            bits[i] = (uint8_t)(world_random(&seed) >> 20);
        }
        memset(wide, 0xee, sizeof wide);
        memset(narrow, 0xee, sizeof narrow);
        size_t taken = rsi_bits_read(bits, length, classes, count, (rsi_numbers){.wide = wide[0]});
        assert_int_equal(
            taken, plain_bits_read(bits, length, classes, count, (rsi_numbers){.wide = wide[1]}));
        assert_memory_equal(wide[0], wide[1], sizeof wide[0]);
        assert_int_equal(
            taken, rsi_bits_read(bits, length, classes, count, (rsi_numbers){.narrow = narrow[0]}));
        assert_int_equal(taken, plain_bits_read(bits, length, classes, count,
                                                (rsi_numbers){.narrow = narrow[1]}));
        assert_memory_equal(narrow[0], narrow[1], sizeof narrow[0]);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(narrow[0][i], (uint32_t)wide[0][i]);
            assert_int_equal(rsi_class_of(wide[0][i]), classes[i]);
        }
        free(bits);
    }
}

static void decodes_the_same_symbols(void **state)
{
    static uint8_t symbols[COUNT_MAX];
    static uint8_t found[2][COUNT_MAX];
    rs_error err = {0};
    uint64_t seed = 43;
    (void)state;
    for (unsigned round = 0; round < 1000; round++) {
        uint32_t histogram[RSI_PREFIX_SYMBOLS] = {0};
        size_t count = 1 + world_random(&seed) % (round % 3 == 0 ? COUNT_MAX : 40);
        rsi_buffer out = {0};
        draw_classes(symbols, count, round % 65, &seed);
        for (size_t i = 0; i < count; i++) {
            symbols[i] = (uint8_t)(i % 4 == 0 ? symbols[i] : symbols[0]);
            histogram[symbols[i]]++;
        }
        rsi_prefix code = rsi_prefix_choose(histogram);
        assert_int_equal(rsi_prefix_encode(&code, symbols, count, &out, &err), RS_OK);
        assert_in_range(out.length, 2, plain_prefix_bytes(&code, histogram) + 3);
        assert_in_range(plain_prefix_bytes(&code, histogram), 2, out.length);
        uint8_t *exact = malloc(out.length);
        assert_non_null(exact);
        memcpy(exact, out.bytes, out.length);
        rsi_cursor cursor = {exact, exact + out.length};
        assert_int_equal(rsi_prefix_decode(&cursor, count, found[0], &err), RS_OK);
        assert_ptr_equal(cursor.at, cursor.end);
        assert_memory_equal(found[0], symbols, count);
        /* A damaged code too: both refuse it, or both take it for the same symbols. */
        exact[world_random(&seed) % out.length] ^= (uint8_t)(1u << round % 8);
        cursor = (rsi_cursor){exact, exact + out.length};
        rsi_cursor plain = cursor;
        rs_status status = rsi_prefix_decode(&cursor, count, found[0], &err);
        assert_int_equal(status, plain_prefix_decode(&plain, count, found[1], &err));
        if (status == RS_OK) {
            assert_ptr_equal(cursor.at, plain.at);
            assert_memory_equal(found[0], found[1], count);
        }
        free(exact);
        rsi_buffer_free(&out);
    }
}

/* Codes of more than 8 bits are cut, and what comes once in 65,536 still has one. */
static void keeps_codes_short(void **state)
{
    uint32_t histogram[RSI_PREFIX_SYMBOLS];
    uint32_t weight = 1;
    (void)state;
    for (size_t i = 0; i < RSI_PREFIX_SYMBOLS; i++) {
        histogram[i] = i < 16 ? weight : i % 2;
        weight *= i < 15 ? 2 : 1;
    }
    rsi_prefix code = rsi_prefix_choose(histogram);
    unsigned slots = 0;
    for (size_t i = 0; i < RSI_PREFIX_SYMBOLS; i++) {
        assert_in_range(code.bits[i], histogram[i] > 0 ? 1 : 0, histogram[i] > 0 ? 8 : 0);
        slots += histogram[i] > 0 ? 256u >> code.bits[i] : 0;
    }
    assert_int_equal(slots, 256);
    assert_true(code.bits[15] < code.bits[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_same_numbers),
        cmocka_unit_test(decodes_the_same_symbols),
        cmocka_unit_test(keeps_codes_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
