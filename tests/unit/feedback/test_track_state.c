/* test_track_state.c - what a night leaves comes back as it was, and nothing else is taken for it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "nights.h"

#include "base/hash.h"

static test_night *two_nights(void)
{
    test_night *nights = calloc(2, sizeof *nights);
    assert_non_null(nights);
    night_fill(&nights[0], "ABCDE FGH 12X", false, NIGHT_ONE);
    night_follow(&nights[0], NULL, NIGHT_ONE);
    night_fill(&nights[1], "ABCDEFGH PQR", false, NIGHT_ONE + NIGHT_DAY);
    night_follow(&nights[1], &nights[0].left, NIGHT_ONE + NIGHT_DAY);
    return nights;
}

static void free_nights(test_night *nights)
{
    night_free(&nights[0]);
    night_free(&nights[1]);
    free(nights);
}

static void encode(const rsi_track_state *state, rsi_buffer *out)
{
    out->length = 0;
    assert_int_equal(rsi_track_encode(state, out, NULL), RS_OK);
}

static void comes_back_as_it_was(void **state)
{
    (void)state;
    test_night *nights = two_nights();
    const rsi_track_state *left = &nights[1].left;
    rsi_track_state back;
    rsi_buffer bytes = {0};
    rsi_buffer again = {0};
    rs_error err = {0};
    encode(left, &bytes);
    if (rsi_track_decode(bytes.bytes, bytes.length, &back, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(back.as_of, NIGHT_ONE + NIGHT_DAY);
    assert_string_equal(back.settings, NIGHT_SETTINGS);
    assert_int_equal(back.ring_count, 4); /* two of tonight, two that may return */
    assert_int_equal(back.type_count, 2);
    for (size_t r = 0; r < back.ring_count; r++) {
        const rsi_track_ring *one = &back.rings[r];
        const rsi_track_ring *was = &left->rings[r];
        assert_string_equal(one->id.text, was->id.text);
        assert_string_equal(one->into.text, was->into.text);
        assert_int_equal(one->event, was->event);
        assert_int_equal(one->since, was->since);
        assert_int_equal(one->seen, was->seen);
        assert_int_equal(one->score, was->score);
        assert_int_equal(one->evidence, was->evidence);
        assert_int_equal(one->from_count, was->from_count);
        assert_int_equal(one->member_count, was->member_count);
        for (size_t i = 0; i < one->member_count; i++) {
            const rsi_track_member *a = &back.members[one->member_first + i];
            const rsi_track_member *b = &left->members[was->member_first + i];
            assert_int_equal(rsi_track_compare(a, b), 0);
            assert_string_equal(back.types[a->type], left->types[b->type]);
        }
    }
    encode(&back, &again);
    assert_int_equal(again.length, bytes.length);
    assert_memory_equal(again.bytes, bytes.bytes, bytes.length);
    rsi_track_state_free(&back);
    rsi_buffer_free(&bytes);
    rsi_buffer_free(&again);
    free_nights(nights);
}

static void refuses_every_changed_byte_and_every_truncation(void **state)
{
    (void)state;
    test_night *nights = two_nights();
    rsi_track_state back;
    rsi_buffer bytes = {0};
    encode(&nights[1].left, &bytes);
    for (size_t at = 0; at < bytes.length; at++) {
        rs_error err = {0};
        bytes.bytes[at] ^= 1;
        assert_int_equal(rsi_track_decode(bytes.bytes, bytes.length, &back, &err), RS_ECORRUPT);
        assert_true(err.message[0] != '\0');
        bytes.bytes[at] ^= 1;
        assert_int_equal(rsi_track_decode(bytes.bytes, at, &back, &err), RS_ECORRUPT);
    }
    rsi_buffer_free(&bytes);
    free_nights(nights);
}

/* What has good checksums and is still no state. */
static void refuses_what_no_night_leaves(void **state)
{
    (void)state;
    enum { RING, EVENT, SEEN, SINCE, MEMBERS, SCORE, CASES };
    static const char *const messages[CASES] = {
        "rings do not ascend by id", "a ring was expected",
        "seen after tonight",        "seen after tonight, or before its birth",
        "members do not ascend",     "a ring was expected"};
    for (int i = 0; i < CASES; i++) {
        test_night *nights = two_nights();
        rsi_track_state *left = &nights[1].left;
        rsi_track_ring *ring = &left->rings[0];
        rsi_track_state back;
        rsi_buffer bytes = {0};
        rs_error err = {0};
        rsi_track_ring first = left->rings[0];
        switch (i) {
        case RING:
            left->rings[0] = left->rings[1];
            left->rings[1] = first;
            break;
        case EVENT:
            ring->event = (rs_ring_event)RS_RING_EVENT_COUNT;
            break;
        case SEEN:
            ring->seen = left->as_of + 1;
            break;
        case SINCE:
            ring->since = ring->seen + 1;
            break;
        case MEMBERS:
            left->members[ring->member_first] = left->members[ring->member_first + 1];
            break;
        default:
            ring->score = RS_MILLION + 1;
        }
        encode(left, &bytes);
        assert_int_equal(rsi_track_decode(bytes.bytes, bytes.length, &back, &err), RS_ECORRUPT);
        assert_non_null(strstr(err.message, messages[i]));
        rsi_buffer_free(&bytes);
        free_nights(nights);
    }
}

static void loses_who_is_erased_and_nobody_else(void **state)
{
    (void)state;
    test_night *nights = two_nights();
    rsi_track_state *left = &nights[1].left;
    uint64_t hits = 0;
    const rs_node_name gone[] = {
        {"account", {"F", 1}}, {"account", {"1", 1}}, {"device", {"2", 1}}};
    size_t before = 0;
    size_t after = 0;
    for (size_t r = 0; r < left->ring_count; r++) {
        before += left->rings[r].member_count;
    }
    rsi_track_erase(left, gone, 3, &hits);
    for (size_t r = 0; r < left->ring_count; r++) {
        after += left->rings[r].member_count;
        for (size_t i = 0; i < left->rings[r].member_count; i++) {
            const rsi_track_member *member = &left->members[left->rings[r].member_first + i];
            assert_true(member->id[0] != 'F' && member->id[0] != '2');
        }
    }
    assert_int_equal(hits, 3); /* F of tonight's ring and of the one that it took in; 2 */
    assert_int_equal(after, before - hits);
    free_nights(nights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),
        cmocka_unit_test(refuses_every_changed_byte_and_every_truncation),
        cmocka_unit_test(refuses_what_no_night_leaves),
        cmocka_unit_test(loses_who_is_erased_and_nobody_else),
    };
    return cmocka_run_group_tests_name("what a night leaves", tests, NULL, NULL);
}
