/* test_bonds.c - what a ring falls apart without, against taking each thing away and counting.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
/* WRAP: malloc calloc realloc */
#include "../evidence/small_store.h"

#include "../evidence/failing.h"
#include "score/bonds.h"

enum { MEMBERS = 12, THINGS = 8, USES_MAX = 16, USERS_MAX = 64 };

static small_store small;

/* One ring; uses are random. */
typedef struct night {
    rsi_scorer scorer;
    rs_findings found;
    rs_ring ring;
    rs_ring_member members[MEMBERS];
    rsi_shared_use uses[USES_MAX];
    uint32_t users[USERS_MAX], of[MEMBERS];
    size_t first[2], use_first[2], use_count, user_count;
    rs_score_input input;
} night;

static night n;

static void open_night(void)
{
    memset(&n, 0, sizeof n);
    n.input = (rs_score_input){.graph = small.graph};
    n.found = (rs_findings){.ring_count = 1, .rings = &n.ring, .members = n.members};
    n.ring = (rs_ring){.member_count = MEMBERS};
    for (uint32_t m = 0; m < MEMBERS; m++) {
        n.members[m].node = m;
    }
    n.scorer = (rsi_scorer){.input = &n.input, .out = &n.found};
    n.scorer.candidates = (rsi_candidates){.count = 1, .of = n.of};
    n.scorer.sharing = (rsi_sharing){.use_first = n.use_first, .uses = n.uses, .users = n.users};
}

static void add_use(uint32_t thing, uint32_t users)
{
    rsi_shared_use *use = &n.uses[n.use_count++];
    *use = (rsi_shared_use){.thing = thing, .user_first = n.user_count};
    for (uint32_t m = 0; m < MEMBERS; m++) {
        if ((users >> m & 1) != 0) {
            n.users[n.user_count++] = m;
            use->user_count++;
        }
    }
    n.use_first[1] = n.use_count;
}

static void find(void)
{
    rs_error err = {0};
    small_ok(rsi_bonds_find(&n.scorer, &err), &err);
}

static void close_night(void)
{
    free(n.found.holds);
    free(n.found.alone);
    n.found.holds = NULL;
    n.found.alone = NULL;
    n.found.hold_count = 0;
    n.found.alone_count = 0;
}

/* The parts of the members that hang together with `member`, without that thing: their number,
 * members outside of the largest, parts of one. By lowering labels until nothing moves. */
static uint32_t label_of[MEMBERS];

static void label(uint32_t without)
{
    bool moved = true;
    for (uint32_t m = 0; m < MEMBERS; m++) {
        label_of[m] = m;
    }
    while (moved) {
        moved = false;
        for (size_t i = 0; i < n.use_count; i++) {
            const uint32_t *users = n.users + n.uses[i].user_first;
            for (uint32_t k = 0; n.uses[i].thing != without && k < n.uses[i].user_count; k++) {
                for (uint32_t j = 0; j < n.uses[i].user_count; j++) {
                    if (label_of[users[k]] > label_of[users[j]]) {
                        label_of[users[k]] = label_of[users[j]];
                        moved = true;
                    }
                }
            }
        }
    }
}

static rs_ring_hold reference(uint32_t thing)
{
    rs_ring_hold hold = {.thing = thing};
    uint32_t whole[MEMBERS], size[MEMBERS] = {0};
    uint32_t start = MEMBERS;
    uint32_t all = 0, largest = 0;
    label(RS_NO_NODE);
    memcpy(whole, label_of, sizeof whole);
    label(thing);
    for (size_t i = 0; i < n.use_count; i++) {
        start = n.uses[i].thing == thing ? n.users[n.uses[i].user_first] : start;
    }
    for (uint32_t m = 0; start < MEMBERS && m < MEMBERS; m++) {
        if (whole[m] == whole[start]) {
            size[label_of[m]]++;
            all++;
        }
    }
    for (uint32_t m = 0; m < MEMBERS; m++) {
        hold.part_count += size[m] > 0;
        hold.alone_count += size[m] == 1;
        largest = size[m] > largest ? size[m] : largest;
    }
    hold.cut_count = all - largest;
    return hold;
}

static void finds_what_taking_each_thing_away_finds(void **state)
{
    rsi_random random;
    (void)state;
    rsi_random_seed(&random, 7, 1);
    for (int round = 0; round < 2000; round++) {
        uint32_t used = 1 + rsi_random_below(&random, THINGS);
        uint32_t cuts = 0;
        open_night();
        for (uint32_t t = 0; t < used; t++) {
            uint32_t users = 3u << rsi_random_below(&random, MEMBERS - 1);
            users |= 1u << rsi_random_below(&random, MEMBERS);
            add_use(1000 + t, users | 1u << rsi_random_below(&random, MEMBERS));
        }
        find();
        for (uint32_t t = 0; t < used; t++) {
            rs_ring_hold expected = reference(1000 + t);
            cuts += expected.part_count > 1;
            for (size_t i = 0; i < n.ring.hold_count; i++) {
                const rs_ring_hold *found = &n.found.holds[n.ring.hold_first + i];
                if (found->thing != 1000 + t) {
                    assert_true(i > 0 || found->cut_count >= expected.cut_count);
                    continue;
                }
                assert_int_equal(found->part_count, expected.part_count);
                assert_int_equal(found->cut_count, expected.cut_count);
                assert_int_equal(found->alone_count, expected.alone_count);
                for (uint32_t k = 0; k < found->listed_count; k++) {
                    uint32_t member = n.found.alone[found->alone_first + k];
                    uint32_t size = 0;
                    for (uint32_t m = 0; m < MEMBERS; m++) {
                        size += label_of[m] == label_of[member];
                    }
                    assert_int_equal(size, 1);
                }
            }
        }
        assert_int_equal(n.ring.hold_count, cuts < 3 ? cuts : 3);
        close_night();
    }
}

static void names_ten_and_counts_all(void **state)
{
    (void)state;
    open_night();
    add_use(1000, (1u << MEMBERS) - 1);
    find();
    assert_int_equal(n.ring.hold_count, 1);
    assert_int_equal(n.found.holds[0].part_count, MEMBERS);
    assert_int_equal(n.found.holds[0].alone_count, MEMBERS);
    assert_int_equal(n.found.holds[0].listed_count, 10);
    close_night();
}

static void passes_over_money_among_members(void **state)
{
    (void)state;
    open_night();
    add_use(3, 0xff);       /* member 3 is their exit */
    add_use(1000, 3u << 7); /* 7 and 8 */
    find();
    assert_int_equal(n.ring.hold_count, 1);
    assert_int_equal(n.found.holds[0].thing, 1000);
    assert_int_equal(n.found.holds[0].alone_count, 1);
    assert_int_equal(n.found.alone[0], 8);
    close_night();
}

static rs_status again(void *context, rs_error *err)
{
    (void)context;
    rs_status status = rsi_bonds_find(&n.scorer, err);
    close_night();
    return status;
}

static void survives_failed_allocations(void **state)
{
    (void)state;
    open_night();
    add_use(1000, 0xfff);
    assert_true(failing_each(again, NULL) > 4);
    close_night();
}

int main(void)
{
    static small_rows rows;
    char id[12];
    for (int m = 0; m < MEMBERS; m++) {
        snprintf(id, sizeof id, "a%d", m);
        small_add(&rows, USES_DEVICE, id, "d");
    }
    small_open(&small, &rows, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_taking_each_thing_away_finds),
        cmocka_unit_test(names_ten_and_counts_all),
        cmocka_unit_test(passes_over_money_among_members),
        cmocka_unit_test(survives_failed_allocations),
    };
    int failed = cmocka_run_group_tests_name("bonds", tests, NULL, NULL);
    small_close(&small);
    return failed;
}
