/* test_segment.c - blocks of edges: what is packed comes back, however runs lie, and numbers that
 * wrap round are no edges. The plain loops give what the fast ones give.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store_world.h"

#define RSI_PLAIN
#define rsi_segment_coder_new  plain_segment_coder_new
#define rsi_segment_coder_free plain_segment_coder_free
#define rsi_segment_encode     plain_segment_encode
#define rsi_segment_decode     plain_segment_decode
#define rsi_segment_meta_store plain_segment_meta_store
#define rsi_segment_meta_load  plain_segment_meta_load
#define rsi_segment_note_load  plain_segment_note_load
#define rsi_segment_check      plain_segment_check
#define rsi_segment_look       plain_segment_look
#include "../../../src/store/segment.c"
#undef rsi_segment_coder_new
#undef rsi_segment_coder_free
#undef rsi_segment_encode
#undef rsi_segment_decode
/* The library's own: the header has declared the others. */
rs_status rsi_segment_coder_new(rsi_segment_coder **out, rs_error *err);
void rsi_segment_coder_free(rsi_segment_coder *coder);
rs_status rsi_segment_encode(rsi_segment_coder *coder, const rsi_edge_columns *edges,
                             rsi_buffer *out, uint8_t note[RSI_SEGMENT_NOTE_BYTES], rs_error *err);
rs_status rsi_segment_decode(rsi_segment_coder *coder, const uint8_t *bytes, size_t length,
                             const rsi_segment_note *note, unsigned columns,
                             rsi_edge_columns *edges, rs_error *err);

static uint32_t src[RSI_BLOCK_EDGES_MAX];
static uint32_t dst[RSI_BLOCK_EDGES_MAX];
static int64_t when[RSI_BLOCK_EDGES_MAX];

/* Sorted edges of the `shape`th kind; how heads are told best differs. Returns how many. */
static size_t draw_edges(unsigned shape, uint64_t *seed)
{
    size_t wanted = shape % 4 == 3 ? RSI_BLOCK_EDGES_MAX : 1 + world_random(seed) % 3000;
    uint32_t from = shape % 3 == 0 ? UINT32_MAX - 70000 : 0;
    uint32_t next = shape % 5 == 0 ? UINT32_MAX - 200000 : 0; /* of what nobody pointed at yet */
    uint32_t near = 3000000;
    size_t count = 0;
    while (count < wanted) {
        size_t degree = 1 + world_random(seed) % (1 + world_random(seed) % (2 + shape % 17));
        uint32_t to[] = {(uint32_t)(world_random(seed) >> 32) % 4000000, near, from, next};
        uint32_t at = to[shape % 4];
        near += (uint32_t)(world_random(seed) % 99) - 49;
        for (size_t i = 0; i < degree && count < wanted; i++) {
            src[count] = from;
            dst[count] = at;
            when[count] = (int64_t)(world_random(seed) >> 40);
            count++;
            next = at >= next ? at + 1 : next;
            at += (uint32_t)(world_random(seed) % (1 + shape % 3));
        }
        from += 1 + (uint32_t)(world_random(seed) % 40 == 0);
    }
    return count;
}

static void assert_edges(const rsi_edge_columns *edges, size_t count)
{
    uint32_t largest = 0;
    assert_int_equal(edges->count, count);
    assert_memory_equal(edges->src, src, count * sizeof *src);
    assert_memory_equal(edges->dst, dst, count * sizeof *dst);
    assert_memory_equal(edges->time, when, count * sizeof *when);
    for (size_t i = 0; i < count; i++) {
        largest = dst[i] > largest ? dst[i] : largest;
    }
    assert_int_equal(edges->dst_max, largest);
}

static void gives_back_every_run(void **state)
{
    rs_error err = {0};
    rsi_segment_coder *coder = NULL;
    rsi_segment_coder *plain = NULL;
    unsigned modes = 0;
    uint64_t seed = 7;
    (void)state;
    assert_int_equal(rsi_segment_coder_new(&coder, &err), RS_OK);
    assert_int_equal(plain_segment_coder_new(&plain, &err), RS_OK);
    for (unsigned shape = 0; shape < 120; shape++) {
        uint8_t bytes[RSI_SEGMENT_NOTE_BYTES];
        rsi_buffer out = {0};
        size_t count = draw_edges(shape, &seed);
        rsi_edge_columns edges = {.count = count, .src = src, .dst = dst, .time = when};
        assert_int_equal(rsi_segment_encode(coder, &edges, &out, bytes, &err), RS_OK);
        modes |= 1u << (out.bytes[4] >> 3);
        rsi_segment_note note = rsi_segment_note_load(bytes);
        assert_int_equal(
            rsi_segment_decode(coder, out.bytes, out.length, &note, RS_SCAN_TIME, &edges, &err),
            RS_OK);
        assert_edges(&edges, count);
        assert_int_equal(
            plain_segment_decode(plain, out.bytes, out.length, &note, RS_SCAN_TIME, &edges, &err),
            RS_OK);
        assert_edges(&edges, count);
        rsi_buffer_free(&out);
    }
    assert_int_equal(modes, 15);
    rsi_segment_coder_free(coder);
    plain_segment_coder_free(plain);
}

/* Sources, heads or targets that end beyond the last number of a node, or round it. */
static void refuses_numbers_that_wrap_round(void **state)
{
    static const struct {
        uint64_t distances[2]; /* two runs */
        uint64_t more[2];
        uint64_t heads[2];
        uint64_t gaps[6];
        rs_status expected;
    } table[] = {
        {{5, 1}, {3, 3}, {7, 8}, {1, 2, 3, 1, 2, 3}, RS_OK},
        {{5, 1}, {3, 3}, {7, 8}, {1, 2, UINT32_MAX, 1, 2, 3}, RS_ECORRUPT},
        {{5, 1}, {3, 3}, {7, 8}, {1, 0x80000000, 0x80000000, 1, 2, 3}, RS_ECORRUPT},
        {{5, 1}, {3, 3}, {7, 8}, {1, 2, 3, 1, 2, UINT32_MAX - 11}, RS_ECORRUPT},
        {{5, 1}, {3, 3}, {7, 8}, {1, 2, 3, 1, 2, UINT32_MAX - 12}, RS_OK},
        {{5, 1}, {3, 3}, {7, 8}, {1, 2, (uint64_t)1 << 32, 1, 2, 3}, RS_ECORRUPT},
        {{5, 1}, {3, 3}, {7, UINT32_MAX}, {1, 2, 3, 0, 0, 0}, RS_ECORRUPT},
        {{5, 1}, {3, 3}, {7, (uint64_t)1 << 32}, {1, 2, 3, 0, 0, 0}, RS_ECORRUPT},
        {{5, UINT32_MAX - 4}, {3, 3}, {7, 8}, {1, 2, 3, 1, 2, 3}, RS_ECORRUPT},
        {{5, 0}, {3, 3}, {7, 8}, {1, 2, 3, 1, 2, 3}, RS_ECORRUPT},
        {{5, 1}, {2, 3}, {7, 8}, {1, 2, 3, 1, 2, 3}, RS_ECORRUPT},
        {{5, 1}, {UINT32_MAX, 7}, {7, 8}, {1, 2, 3, 1, 2, 3}, RS_ECORRUPT},
    };
    rs_error err = {0};
    rsi_segment_coder *coder = NULL;
    rsi_intcodec *codec = NULL;
    (void)state;
    assert_int_equal(rsi_segment_coder_new(&coder, &err), RS_OK);
    assert_int_equal(rsi_intcodec_new(&codec, &err), RS_OK);
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        rsi_buffer out = {0};
        uint8_t head[BLOCK_HEAD] = {2};
        uint32_t last = (uint32_t)(table[t].distances[0] + table[t].distances[1]);
        rsi_segment_note note = {8, 5, 7, last};
        rsi_edge_columns edges = {0};
        assert_int_equal(rsi_buffer_add(&out, head, sizeof head, &err), RS_OK);
        assert_int_equal(rsi_ints_encode(codec, table[t].distances, 2, &out, &err), RS_OK);
        assert_int_equal(rsi_ints_encode(codec, table[t].more, 2, &out, &err), RS_OK);
        assert_int_equal(rsi_ints_encode(codec, table[t].heads, 2, &out, &err), RS_OK);
        assert_int_equal(rsi_ints_encode(codec, table[t].gaps, 6, &out, &err), RS_OK);
        assert_int_equal(rsi_segment_decode(coder, out.bytes, out.length, &note, 0, &edges, &err),
                         table[t].expected);
        rsi_buffer_free(&out);
    }
    rsi_intcodec_free(codec);
    rsi_segment_coder_free(coder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_every_run),
        cmocka_unit_test(refuses_numbers_that_wrap_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
