module rump

go 1.26
