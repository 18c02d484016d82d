package tool

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// strftimeLayouts are the conversions that Go's layouts know.
var strftimeLayouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'c': "Mon Jan _2 15:04:05 2006", 'd': "02", 'D': "01/02/06",
	'e': "_2", 'F': "2006-01-02", 'H': "15", 'I': "03", 'm': "01", 'M': "04", 'p': "PM", 'r': "03:04:05 PM", 'R': "15:04", 'S': "05",
	'T': "15:04:05", 'v': "_2-Jan-2006", 'x': "01/02/06", 'X': "15:04:05", 'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "MST", 'j': "002",
}

// strftime is a time in a form of strftime(3). Conversions that are not known stay as they are.
func strftime(form string, t time.Time) string {
	var sb strings.Builder
	for i := 0; i < len(form); i++ {
		if form[i] != '%' || i+1 == len(form) {
			sb.WriteByte(form[i])
			continue
		}
		i++
		if layout, ok := strftimeLayouts[form[i]]; ok {
			sb.WriteString(t.Format(layout))
			continue
		}
		switch form[i] {
		case 'C':
			fmt.Fprintf(&sb, "%02d", t.Year()/100)
		case 'n':
			sb.WriteByte('\n')
		case 't':
			sb.WriteByte('\t')
		case '%':
			sb.WriteByte('%')
		case 's':
			sb.WriteString(strconv.FormatInt(t.Unix(), 10))
		case 'u':
			fmt.Fprintf(&sb, "%d", (int(t.Weekday())+6)%7+1)
		case 'w':
			fmt.Fprintf(&sb, "%d", int(t.Weekday()))
		case 'G', 'V':
			year, week := t.ISOWeek()
			if form[i] == 'G' {
				fmt.Fprintf(&sb, "%04d", year)
			} else {
				fmt.Fprintf(&sb, "%02d", week)
			}
		default:
			sb.WriteString(form[i-1 : i+1])
		}
	}
	return sb.String()
}
