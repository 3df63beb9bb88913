/* core/cli/recipes_room.h - what the actions of ggx recipes share. */
#ifndef GGX_CORE_RECIPES_ROOM_H
#define GGX_CORE_RECIPES_ROOM_H

#include "cli/verbs.h"
#include "flow.h"

/* What all of this verb's actions work with. */
typedef struct ggx_recipes_room {
    ggx_cli *cli;
    ggx_arena arena;
    const char *directory; /* of ggx's own recipes */
    ggx_text out;
    ggx_error error;
} ggx_recipes_room;

/* Before the flow is closed: puts the path of the model's file that the error is about into its text. */
void ggx_recipes_name_file(ggx_recipes_room *room, const ggx_flow *flow);

/* ggx recipes new: a first recipe for a model that none is for. The text goes to `out`, or into the file of -o. */
ggx_status ggx_recipes_new(ggx_recipes_room *room, const char *model);

#endif
