/* core/fetch/room.h - is there room on the disk for what is to be fetched, and for what is to be made of it? */
#ifndef GGX_CORE_ROOM_H
#define GGX_CORE_ROOM_H

#include "fetch/download.h"

/* GGX_E_NOSPACE when there is too little for all files of the list, less what lies there of them, or for options->more besides. Where the system does
 * not say, there is enough. */
ggx_status ggx_download_room(const ggx_download *list, uint32_t count, const ggx_download_options *options,
                             ggx_error *error);

#endif
