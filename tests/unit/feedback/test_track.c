/* test_track.c - what becomes of rings from night to night: every event, at its thresholds.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include "nights.h"

#include "../failing_memory.h"
#include "base/random.h"
#include "feedback/track_overlap.h"

/* Nights a day apart, each following the one before it. */
typedef struct story {
    test_night *nights[8];
    size_t count;
    int64_t as_of;
} story;

static const test_night *tell_later(story *s, const char *text, int64_t later_s)
{
    test_night *night = calloc(1, sizeof *night);
    assert_non_null(night);
    const rsi_track_state *past = s->count > 0 ? &s->nights[s->count - 1]->left : NULL;
    s->as_of = s->count > 0 ? s->as_of + later_s : NIGHT_ONE;
    night_fill(night, text, false, s->as_of);
    night_follow(night, past, s->as_of);
    s->nights[s->count++] = night;
    return night;
}

static const test_night *tell(story *s, const char *text)
{
    return tell_later(s, text, NIGHT_DAY);
}

static void end(story *s)
{
    while (s->count > 0) {
        night_free(s->nights[--s->count]);
        free(s->nights[s->count]);
    }
}

/* The ring with the letter: its event, and the letters by which its `from` were known last night.
 */
static void expect(const story *s, char letter, rs_ring_event event, const char *from)
{
    const test_night *now = s->nights[s->count - 1];
    const test_night *last = s->count > 1 ? s->nights[s->count - 2] : NULL;
    const rs_ring *ring = ring_with(now, letter);
    assert_non_null(ring);
    assert_string_equal(rs_ring_event_name(ring->event), rs_ring_event_name(event));
    assert_int_equal(ring->from_count, strlen(from));
    for (size_t i = 0; from[i] != '\0'; i++) {
        const rs_ring *before = ring_with(last, from[i]);
        assert_non_null(before);
        bool found = false;
        for (size_t k = 0; k < ring->from_count; k++) {
            found |= strcmp(now->findings.from[ring->from_first + k].text, before->id) == 0;
        }
        assert_true(found);
    }
}

static bool same_id(const test_night *a, char one, const test_night *b, char other)
{
    return strcmp(ring_with(a, one)->id, ring_with(b, other)->id) == 0;
}

static void bears_every_ring_of_the_first_night(void **state)
{
    (void)state;
    story s = {.count = 0};
    const test_night *one = tell(&s, "ABC DEF");
    expect(&s, 'A', RS_RING_BORN, "");
    expect(&s, 'D', RS_RING_BORN, "");
    assert_int_equal(one->findings.gone_count, 0);
    assert_int_equal(one->left.ring_count, 2);
    end(&s);
}

static void keeps_ids_on_an_unchanged_night(void **state)
{
    (void)state;
    story s = {.count = 0};
    const test_night *one = tell(&s, "ABC DEFG HIJK123");
    for (int night = 0; night < 4; night++) {
        const test_night *next = tell(&s, "HIJK123 ABC DEFG");
        for (const char *letter = "ADH"; *letter != '\0'; letter++) {
            assert_true(same_id(one, *letter, next, *letter));
            expect(&s, *letter, RS_RING_CONTINUED, (char[]){*letter, '\0'});
            assert_int_equal(ring_with(next, *letter)->since, NIGHT_ONE);
        }
    }
    end(&s);
}

/* What a ring of ten became: "continued" between 5/6 and 6/5 of its size, both included. */
static void tells_growth_at_six_fifths(void **state)
{
    (void)state;
    const struct {
        const char *before, *now;
        rs_ring_event event;
    } rows[] = {
        {"ABCDEFGHIJ", "ABCDEFGHIJKL", RS_RING_CONTINUED},
        {"ABCDEFGHIJ", "ABCDEFGHIJKLM", RS_RING_GREW},
        {"ABCDEFGHIJKL", "ABCDEFGHIJ", RS_RING_CONTINUED},
        {"ABCDEFGHIJKL", "ABCDEFGHI", RS_RING_SHRANK},
        {"ABC", "ABCD", RS_RING_GREW},
        {"ABCD", "ABC", RS_RING_SHRANK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        story s = {.count = 0};
        const test_night *one = tell(&s, rows[i].before);
        const test_night *two = tell(&s, rows[i].now);
        expect(&s, 'A', rows[i].event, "A");
        assert_true(same_id(one, 'A', two, 'A'));
        end(&s);
    }
}

/* Jaccard .1 or half of the smaller one. */
static void goes_on_from_a_tenth_in_common_or_half_of_the_smaller(void **state)
{
    (void)state;
    assert_true(rsi_track_candidate(5, 6, 1));    /* 1 of 10 */
    assert_false(rsi_track_candidate(6, 6, 1));   /* 1 of 11 */
    assert_true(rsi_track_candidate(100, 4, 2));  /* half of the smaller */
    assert_false(rsi_track_candidate(100, 5, 2)); /* 2 of 103, two fifths of the smaller */
    assert_true(rsi_track_candidate(4, 100, 2));
    assert_false(rsi_track_candidate(3, 3, 0));
    story s = {.count = 0};
    (void)tell(&s, "ABCDEF");
    const test_night *two = tell(&s, "Aghijk");
    expect(&s, 'A', RS_RING_BORN, "");
    assert_int_equal(two->findings.gone_count, 1);
    end(&s);
}

static void tells_a_merger_and_where_the_other_went(void **state)
{
    (void)state;
    story s = {.count = 0};
    const test_night *one = tell(&s, "ABCDE FGH XYZ");
    const test_night *two = tell(&s, "ABCDEFGH XYZ");
    expect(&s, 'A', RS_RING_MERGED, "AF");
    assert_true(same_id(one, 'A', two, 'A'));
    assert_int_equal(two->findings.gone_count, 1);
    assert_string_equal(two->findings.gone[0].id.text, ring_with(one, 'F')->id);
    assert_string_equal(two->findings.gone[0].into.text, ring_with(two, 'A')->id);
    const rsi_track_ring *left = rsi_track_find(&two->left, ring_with(one, 'F')->id);
    assert_non_null(left);
    assert_string_equal(left->into.text, ring_with(two, 'A')->id);
    /* Merged, it may come back. */
    const test_night *three = tell(&s, "ABCDE FGH XYZ");
    assert_true(same_id(three, 'F', one, 'F'));
    assert_string_equal(rs_ring_event_name(ring_with(three, 'F')->event), "returned");
    end(&s);
}

/* Less than half of its members: it died, and the other one only grew. */
static void does_not_call_a_smaller_part_a_merger(void **state)
{
    (void)state;
    story s = {.count = 0};
    (void)tell(&s, "ABCDE FGHIJ");
    const test_night *two = tell(&s, "ABCDEFG");
    expect(&s, 'A', RS_RING_GREW, "A");
    assert_int_equal(two->findings.gone_count, 1);
    assert_string_equal(two->findings.gone[0].into.text, "");
    end(&s);
}

static void tells_a_split_of_three_members_and_a_fifth(void **state)
{
    (void)state;
    const struct {
        const char *before, *now;
        rs_ring_event large, small;
    } rows[] = {
        {"ABCDEFG", "ABCD EFG", RS_RING_SPLIT, RS_RING_SPLIT},
        {"ABCDEFG", "ABCDG EFx", RS_RING_SHRANK, RS_RING_BORN},                  /* two members */
        {"ABCDGHIJKLMNOEFP", "ABCDGHIJKLMNO EFP", RS_RING_SHRANK, RS_RING_BORN}, /* 3 of 16 */
        {"ABCDGHIJKLMNEFP", "ABCDGHIJKLMN EFP", RS_RING_SPLIT, RS_RING_SPLIT},   /* 3 of 15 */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        story s = {.count = 0};
        const test_night *one = tell(&s, rows[i].before);
        const test_night *two = tell(&s, rows[i].now);
        expect(&s, 'A', rows[i].large, "A");
        expect(&s, 'E', rows[i].small, rows[i].small == RS_RING_SPLIT ? "A" : "");
        assert_true(same_id(one, 'A', two, 'A'));
        assert_false(same_id(two, 'A', two, 'E'));
        assert_int_equal(ring_with(two, 'E')->since, NIGHT_ONE + NIGHT_DAY);
        assert_int_equal(two->findings.gone_count, 0);
        end(&s);
    }
}

static void lets_a_ring_return_within_thirty_days(void **state)
{
    (void)state;
    const struct {
        int64_t away_s;
        bool returned;
    } rows[] = {
        {2 * NIGHT_DAY, true},
        {30 * NIGHT_DAY, true},
        {30 * NIGHT_DAY + 1, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        story s = {.count = 0};
        const test_night *one = tell(&s, "ABC XYZ");
        (void)tell(&s, "XYZ");
        assert_int_equal(s.nights[1]->findings.gone_count, 1);
        const test_night *back = tell_later(&s, "XYZ ABC", rows[i].away_s - NIGHT_DAY);
        const rs_ring *ring = ring_with(back, 'A');
        assert_int_equal(same_id(one, 'A', back, 'A'), rows[i].returned);
        assert_string_equal(rs_ring_event_name(ring->event),
                            rows[i].returned ? "returned" : "born");
        assert_int_equal(ring->since, rows[i].returned ? NIGHT_ONE : s.as_of);
        assert_int_equal(ring->from_count, rows[i].returned);
        end(&s);
    }
}

/* A ring that lived when the store was last looked at goes on, however long that is ago. */
static void goes_on_from_the_last_night_whenever_it_was(void **state)
{
    (void)state;
    story s = {.count = 0};
    const test_night *one = tell(&s, "ABC");
    const test_night *two = tell_later(&s, "ABC", 400 * NIGHT_DAY);
    assert_true(same_id(one, 'A', two, 'A'));
    expect(&s, 'A', RS_RING_CONTINUED, "A");
    (void)tell_later(&s, "XYZ", 31 * NIGHT_DAY);
    assert_int_equal(s.nights[2]->findings.gone_count, 1);
    assert_null(rsi_track_find(&s.nights[2]->left, ring_with(one, 'A')->id)); /* forgotten */
    end(&s);
}

/* ABCD leaves one half to either of two: both weigh the same, and the older ring's id stays. */
static void keeps_the_older_of_equals_and_then_the_smaller_id(void **state)
{
    (void)state;
    story s = {.count = 0};
    (void)tell(&s, "DEF");
    const test_night *two = tell(&s, "ABC DEF");
    const test_night *three = tell(&s, "ABCDEF");
    assert_true(same_id(two, 'D', three, 'A'));
    end(&s);
    const test_night *one = tell(&s, "ABC DEF");
    const test_night *both = tell(&s, "ABCDEF");
    bool first = strcmp(ring_with(one, 'A')->id, ring_with(one, 'D')->id) < 0;
    assert_true(same_id(one, first ? 'A' : 'D', both, 'A'));
    end(&s);
}

/* One greedy step would give AB.. to the first; the sum is larger the other way round. */
static void takes_the_heaviest_matching_and_no_greedy_one(void **state)
{
    (void)state;
    story s = {.count = 0};
    const test_night *one = tell(&s, "ABCDEF GHI");
    /* first: .43 of ABCDEF, and .38 of GHI; second: .38 of ABCDEF alone. */
    const test_night *two = tell(&s, "ABCGHIJK DEFLM");
    assert_true(same_id(one, 'G', two, 'G'));
    assert_true(same_id(one, 'D', two, 'D'));
    end(&s);
}

static void puts_equal_scores_in_order_of_their_ids(void **state)
{
    (void)state;
    test_night *one = calloc(2, sizeof *one);
    test_night *two = one + 1;
    assert_non_null(one);
    night_fill(one, "ABC DEF GHI JKL MNO", true, NIGHT_ONE);
    night_follow(one, NULL, NIGHT_ONE);
    night_fill(two, "MNO JKL GHI DEF ABC PQR", true, NIGHT_ONE + NIGHT_DAY);
    night_follow(two, &one->left, NIGHT_ONE + NIGHT_DAY);
    for (size_t r = 1; r < two->findings.ring_count; r++) {
        assert_true(strcmp(two->rings[r - 1].id, two->rings[r].id) < 0);
    }
    for (size_t r = 0; r < two->findings.ring_count; r++) {
        const rs_ring *ring = &two->rings[r];
        for (size_t m = ring->member_first; m < ring->member_first + ring->member_count; m++) {
            assert_int_equal(two->nodes[two->members[m].node].ring, r);
        }
    }
    night_free(one);
    night_free(two);
    free(one);
}

/* Where the hash of a new ring is the id of another that changed since, it gets another one. */
static void never_gives_an_id_twice(void **state)
{
    (void)state;
    test_night *one = calloc(2, sizeof *one);
    test_night *two = one + 1;
    assert_non_null(one);
    night_fill(one, "ABC", false, NIGHT_ONE);
    night_follow(one, NULL, NIGHT_ONE);
    night_fill(two, "ABCDEF XYZ", false, NIGHT_ONE + 1);
    memcpy(two->rings[1].id, one->rings[0].id, sizeof two->rings[1].id);
    night_follow(two, &one->left, NIGHT_ONE + 1);
    assert_string_equal(two->rings[0].id, one->rings[0].id);
    assert_string_not_equal(two->rings[1].id, one->rings[0].id);
    assert_true(rsi_ring_id_valid((rs_text){two->rings[1].id, RSI_RING_ID_LENGTH}));
    night_free(one);
    night_free(two);
    free(one);
}

/* Random nights: who is called what depends on names alone, not on the order of rings and members.
 */
static void does_not_depend_on_the_order_of_rings_and_members(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        rsi_random random;
        rsi_random_seed(&random, 2, seed);
        char text[3][256];
        for (int night = 0; night < 2; night++) { /* letters dealt to rings */
            size_t length = 0;
            uint32_t cut = rsi_random_between(&random, 150, 400);
            for (char letter = 'A'; letter <= 'z'; letter++) {
                if (rsi_random_chance(&random, 850)) {
                    text[night][length++] = letter;
                }
                if (length > 0 && text[night][length - 1] != ' ' &&
                    rsi_random_chance(&random, cut)) {
                    text[night][length++] = ' ';
                }
            }
            text[night][length] = '\0';
        }
        size_t length = strlen(text[1]);
        for (size_t i = 0; i < length; i++) { /* the same backwards */
            text[2][i] = text[1][length - 1 - i];
        }
        text[2][length] = '\0';
        const char *backwards = text[2] + strspn(text[2], " ");
        test_night *nights = calloc(3, sizeof *nights);
        assert_non_null(nights);
        night_fill(&nights[0], text[0], true, NIGHT_ONE);
        night_follow(&nights[0], NULL, NIGHT_ONE);
        night_fill(&nights[1], text[1], true, NIGHT_ONE + NIGHT_DAY);
        night_follow(&nights[1], &nights[0].left, NIGHT_ONE + NIGHT_DAY);
        night_fill(&nights[2], backwards, true, NIGHT_ONE + NIGHT_DAY);
        night_follow(&nights[2], &nights[0].left, NIGHT_ONE + NIGHT_DAY);
        assert_int_equal(nights[1].findings.ring_count, nights[2].findings.ring_count);
        rsi_buffer bytes[2] = {{0}};
        for (int i = 0; i < 2; i++) {
            assert_int_equal(rsi_track_encode(&nights[1 + i].left, &bytes[i], NULL), RS_OK);
        }
        assert_int_equal(bytes[0].length, bytes[1].length);
        assert_memory_equal(bytes[0].bytes, bytes[1].bytes, bytes[0].length);
        for (int i = 0; i < 2; i++) {
            rsi_buffer_free(&bytes[i]);
        }
        for (int i = 0; i < 3; i++) {
            night_free(&nights[i]);
        }
        free(nights);
    }
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    test_night *one = calloc(2, sizeof *one);
    test_night *two = one + 1;
    assert_non_null(one);
    night_fill(one, "ABCDEF GHI JKLM", false, NIGHT_ONE);
    night_follow(one, NULL, NIGHT_ONE);
    rs_status status = RS_ENOMEM;
    for (long n = 0; status == RS_ENOMEM; n++) {
        rs_error err = {0};
        night_fill(two, "ABC DEF GHIJ", false, NIGHT_ONE + NIGHT_DAY);
        rsi_track_night tonight = {.as_of = NIGHT_ONE + NIGHT_DAY,
                                   .settings = NIGHT_SETTINGS,
                                   .ring_count = 3,
                                   .node_count = NIGHT_MEMBERS,
                                   .names = two->names};
        allowed = n;
        status = rsi_track_follow(&one->left, &tonight, &two->findings, &two->left, &err);
        allowed = -1;
        if (status != RS_OK) {
            assert_int_equal(status, RS_ENOMEM);
            assert_non_null(strstr(err.message, "out of memory"));
        }
        night_free(two);
    }
    assert_int_equal(status, RS_OK);
    night_free(one);
    free(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bears_every_ring_of_the_first_night),
        cmocka_unit_test(keeps_ids_on_an_unchanged_night),
        cmocka_unit_test(tells_growth_at_six_fifths),
        cmocka_unit_test(goes_on_from_a_tenth_in_common_or_half_of_the_smaller),
        cmocka_unit_test(tells_a_merger_and_where_the_other_went),
        cmocka_unit_test(does_not_call_a_smaller_part_a_merger),
        cmocka_unit_test(tells_a_split_of_three_members_and_a_fifth),
        cmocka_unit_test(lets_a_ring_return_within_thirty_days),
        cmocka_unit_test(goes_on_from_the_last_night_whenever_it_was),
        cmocka_unit_test(keeps_the_older_of_equals_and_then_the_smaller_id),
        cmocka_unit_test(takes_the_heaviest_matching_and_no_greedy_one),
        cmocka_unit_test(puts_equal_scores_in_order_of_their_ids),
        cmocka_unit_test(never_gives_an_id_twice),
        cmocka_unit_test(does_not_depend_on_the_order_of_rings_and_members),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests_name("rings from night to night", tests, NULL, NULL);
}
