/* shared.c - accounts that use the same thing (device, card, phone, document) or place (address).
 *
 * Null model: N accounts pick their things independently of each other. That a second account is
 * among the d users of a given thing has probability d/N; its surprise, -ln(d/N), as a share of the
 * largest possible one (ln N) is ln(N/d)/ln N. Beyond eight users it is damped by 3/log2(d): a
 * crowd around a thing has a cause of its own (a shop's terminal, a school's computer), so that its
 * pairs are no longer independent coincidences. A place is half of a thing: to be where others are
 * is normal.
 *
 * A thing of up to pairs_max users links them pairwise, a larger one becomes a node that its users
 * hang on: d links, not d * d, and a looser hold than a clique.
 *
 * A hub is a thing that cannot hold its own users together: under the constant Potts model a star
 * of d users with links w gains d*w and pays resolution * d(d-1)/2, so at resolution * (d-1) > 2w
 * it falls apart; from twice that on it is left out and listed.
 *
 * Look-alikes: families and offices share things too. Nothing here tells them apart; the score
 * does, by how unusual the amount of sharing is among the night's own groups. Cost: O(uses) time,
 * O(links) memory.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/kind.h"

#include "base/fixed.h"
#include "base/try.h"

/* ln 2 in Q32. */
#define LN_2_Q32 UINT64_C(2977044472)

uint32_t rs_thing_rarity(uint64_t subjects, uint64_t users)
{
    if (users < 1 || users >= subjects) {
        return 0;
    }
    uint64_t ln_all = rsi_ln_q32(subjects);
    return (uint32_t)(((ln_all - rsi_ln_q32(users)) << 20) / ln_all);
}

uint32_t rs_thing_weight(uint64_t subjects, uint64_t users, bool place)
{
    uint64_t weight = users < 2 ? 0 : rs_thing_rarity(subjects, users);
    if (users > 8) {
        weight = weight * ((3 * LN_2_Q32 << 20) / rsi_ln_q32(users)) >> 20;
    }
    return (uint32_t)(place ? weight / 2 : weight);
}

bool rs_thing_is_hub(uint32_t weight, uint64_t users, uint32_t resolution)
{
    return weight == 0 || (users - 1) * resolution > 4 * (uint64_t)weight;
}

static rs_status link_pairs(const rsi_kind_input *input, uint32_t thing, const uint32_t *users,
                            uint32_t count, uint32_t weight, rsi_link_list *out, rs_error *err)
{
    rs_status status = RS_OK;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = i + 1; j < count; j++) {
            rs_link link = {
                .a = users[i], .b = users[j], .thing = thing, .weight = weight, .users = count};
            RS_TRY(rsi_link_add(out, input, link, err));
        }
    }
done:
    return status;
}

static rs_status link_star(const rsi_kind_input *input, uint32_t thing, const uint32_t *users,
                           uint32_t count, uint32_t weight, rsi_link_list *out, rs_error *err)
{
    rs_status status = RS_OK;
    for (uint32_t i = 0; i < count; i++) {
        rs_link link = {
            .a = users[i], .b = thing, .thing = thing, .weight = weight, .users = count};
        RS_TRY(rsi_link_add(out, input, link, err));
    }
done:
    return status;
}

static rs_status shared(const rsi_kind_input *input, const rs_work *work, rsi_link_list *out,
                        rs_error *err)
{
    rs_status status = RS_OK;
    (void)work;
    const rs_groups *groups = input->groups;
    uint64_t subjects = rs_graph_subject_count(input->graph);
    for (uint32_t g = 0; g < groups->count; g++) {
        const uint32_t *users = groups->users + groups->first[g];
        uint32_t count = (uint32_t)(groups->first[g + 1] - groups->first[g]);
        uint32_t weight = rs_thing_weight(subjects, count, input->info.place);
        if (rs_thing_is_hub(weight, count, input->options->resolution)) {
            RS_TRY(rsi_hub_add(out, input, groups->things[g], count, err));
        } else if (count <= input->options->pairs_max) {
            RS_TRY(link_pairs(input, groups->things[g], users, count, weight, out, err));
        } else {
            RS_TRY(link_star(input, groups->things[g], users, count, weight, out, err));
        }
    }
done:
    return status;
}

static bool is_thing(const rs_graph *graph, const rs_relation_info *info)
{
    return info->kind == RS_KIND_SHARED && !info->place && rsi_ties_things(graph, info);
}

static bool is_place(const rs_graph *graph, const rs_relation_info *info)
{
    return info->kind == RS_KIND_SHARED && info->place && rsi_ties_things(graph, info);
}

const rsi_kind rsi_shared_thing = {
    .name = "shared",
    .summary = "accounts use the same thing, and few others do",
    .reads = is_thing,
    .find = shared,
};

const rsi_kind rsi_shared_place = {
    .name = "place",
    .summary = "accounts are at the same place; half as strong, as places are shared by nature",
    .reads = is_place,
    .find = shared,
};
