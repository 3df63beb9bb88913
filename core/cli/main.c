/* The ggx program: hands the command line to its verb. */
#include <stdio.h>

int main(void)
{
    puts("ggx");
    return 0;
}
