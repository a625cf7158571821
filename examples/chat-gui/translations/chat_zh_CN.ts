<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="zh_CN">
<context>
    <name>BadNetworkPanel</name>
    <message>
        <source>Bad network: what you send gets lost or comes late.</source>
        <translation>模拟差网络：你发送的数据会丢失或延迟。</translation>
    </message>
    <message>
        <source>&amp;Loss</source>
        <translation>丢包(&amp;L)</translation>
    </message>
    <message>
        <source>&amp;Delay</source>
        <translation>延迟(&amp;D)</translation>
    </message>
    <message>
        <source>%1 %</source>
        <translation>%1 %</translation>
    </message>
    <message>
        <source>%1 ms</source>
        <translation>%1 毫秒</translation>
    </message>
</context>
<context>
    <name>Bubble</name>
    <message>
        <source>sending…</source>
        <translation>发送中…</translation>
    </message>
    <message>
        <source>not delivered</source>
        <translation>未送达</translation>
    </message>
    <message>
        <source>Save as…</source>
        <translation>另存为…</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
</context>
<context>
    <name>ChatPage</name>
    <message>
        <source>Messages</source>
        <translation>消息</translation>
    </message>
    <message>
        <source>Drop to send</source>
        <translation>松开即可发送</translation>
    </message>
    <message>
        <source>Who is here</source>
        <translation>在线成员</translation>
    </message>
    <message>
        <source>Bad network</source>
        <translation>模拟差网络</translation>
    </message>
    <message>
        <source>Light or dark</source>
        <translation>浅色或深色</translation>
    </message>
    <message>
        <source>Leave the chat</source>
        <translation>离开聊天</translation>
    </message>
    <message>
        <source>Try now</source>
        <translation>立即重试</translation>
    </message>
    <message>
        <source>Send a file</source>
        <translation>发送文件</translation>
    </message>
    <message>
        <source>Write a message</source>
        <translation>输入消息</translation>
    </message>
    <message>
        <source>Message</source>
        <translation>消息</translation>
    </message>
    <message>
        <source>Send</source>
        <translation>发送</translation>
    </message>
    <message>
        <source>Connected again</source>
        <translation>已重新连接</translation>
    </message>
    <message>
        <source>You joined as %1</source>
        <translation>你以“%1”的身份加入</translation>
    </message>
    <message>
        <source>%1 joined</source>
        <translation>%1 加入了聊天</translation>
    </message>
    <message>
        <source>%1 Reconnecting…</source>
        <translation>%1正在重新连接…</translation>
    </message>
    <message>
        <source>Connection lost. Next attempt in %1 s.</source>
        <translation>连接已断开。%1 秒后重试。</translation>
    </message>
    <message>
        <source>Connection lost. Trying to reconnect…</source>
        <translation>连接已断开。正在重新连接…</translation>
    </message>
    <message>
        <source>Not connected</source>
        <translation>未连接</translation>
    </message>
    <message>
        <source>%1 here</source>
        <translation>%1 人在线</translation>
    </message>
    <message>
        <source>%1 is typing…</source>
        <translation>%1 正在输入…</translation>
    </message>
    <message>
        <source>%1 and others are typing…</source>
        <translation>%1 等人正在输入…</translation>
    </message>
    <message>
        <source>Send files</source>
        <translation>发送文件</translation>
    </message>
    <message>
        <source>Save file</source>
        <translation>保存文件</translation>
    </message>
    <message>
        <source>Saved as %1</source>
        <translation>已保存为 %1</translation>
    </message>
    <message>
        <source>%1 could not be saved</source>
        <translation>无法保存 %1</translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message>
        <source>Port %1 cannot be used: %2</source>
        <translation>无法使用端口 %1：%2</translation>
    </message>
    <message>
        <source>Hosting on port %1</source>
        <translation>正在端口 %1 上主持</translation>
    </message>
</context>
<context>
    <name>MessageView</name>
    <message>
        <source>Copy</source>
        <translation>复制</translation>
    </message>
</context>
<context>
    <name>PeoplePanel</name>
    <message>
        <source>People in the chat</source>
        <translation>聊天成员</translation>
    </message>
    <message>
        <source>People: %1</source>
        <translation>成员：%1</translation>
    </message>
    <message>
        <source>just joined</source>
        <translation>刚刚加入</translation>
    </message>
    <message>
        <source>%1 ms</source>
        <translation>%1 毫秒</translation>
    </message>
    <message>
        <source>you, %1</source>
        <translation>你，%1</translation>
    </message>
    <message>
        <source>typing…</source>
        <translation>正在输入…</translation>
    </message>
</context>
<context>
    <name>StartPage</name>
    <message>
        <source>Talk over UDP, without waiting for it</source>
        <translation>基于 UDP 聊天，无需等待</translation>
    </message>
    <message>
        <source>&amp;Nickname</source>
        <translation>昵称(&amp;N)</translation>
    </message>
    <message>
        <source>How others will see you</source>
        <translation>其他人看到的名字</translation>
    </message>
    <message>
        <source>host:port</source>
        <translation>主机:端口</translation>
    </message>
    <message>
        <source>&amp;Join a chat</source>
        <translation>加入聊天(&amp;J)</translation>
    </message>
    <message>
        <source>&amp;Host a chat</source>
        <translation>主持聊天(&amp;H)</translation>
    </message>
    <message>
        <source>&amp;Port</source>
        <translation>端口(&amp;P)</translation>
    </message>
    <message>
        <source>&amp;Address</source>
        <translation>地址(&amp;A)</translation>
    </message>
    <message>
        <source>Others join with your address and this port (UDP).</source>
        <translation>其他人用你的地址和此端口（UDP）加入。</translation>
    </message>
    <message>
        <source>Ask the host for it. Without a port it is %1.</source>
        <translation>请向主持人询问。不填端口则为 %1。</translation>
    </message>
    <message>
        <source>Connecting…</source>
        <translation>正在连接…</translation>
    </message>
    <message>
        <source>Start the chat</source>
        <translation>开始聊天</translation>
    </message>
    <message>
        <source>Join</source>
        <translation>加入</translation>
    </message>
    <message>
        <source>Please enter a nickname.</source>
        <translation>请输入昵称。</translation>
    </message>
    <message>
        <source>Please enter an address, such as 192.168.0.7:%1.</source>
        <translation>请输入地址，例如 192.168.0.7:%1。</translation>
    </message>
</context>
<context>
    <name>StatusPanel</name>
    <message>
        <source>Time to the host and back</source>
        <translation>到主持人的往返时间</translation>
    </message>
    <message>
        <source>Share of segments that were sent again</source>
        <translation>重传的分段所占比例</translation>
    </message>
    <message>
        <source>Sent and received</source>
        <translation>已发送和已接收</translation>
    </message>
    <message>
        <source>Connected</source>
        <translation>已连接</translation>
    </message>
    <message>
        <source>Connecting…</source>
        <translation>正在连接…</translation>
    </message>
    <message>
        <source>Reconnecting…</source>
        <translation>正在重新连接…</translation>
    </message>
    <message>
        <source>Not connected</source>
        <translation>未连接</translation>
    </message>
    <message>
        <source>RTT %1 ms</source>
        <translation>RTT %1 毫秒</translation>
    </message>
    <message>
        <source>loss %1 %</source>
        <translation>丢包 %1 %</translation>
    </message>
</context>
<context>
    <name>Words</name>
    <message>
        <source>The server speaks another version of this chat.</source>
        <translation>服务器使用的聊天版本不同。</translation>
    </message>
    <message>
        <source>The server did not understand this program.</source>
        <translation>服务器无法识别本程序。</translation>
    </message>
    <message>
        <source>This nickname is not possible. Please choose another one.</source>
        <translation>此昵称不可用，请换一个。</translation>
    </message>
    <message>
        <source>Somebody in the chat has this nickname already.</source>
        <translation>聊天中已有人使用此昵称。</translation>
    </message>
    <message>
        <source>The chat is full.</source>
        <translation>聊天人数已满。</translation>
    </message>
    <message>
        <source>The server has removed you: too many messages.</source>
        <translation>消息过多，你已被服务器移除。</translation>
    </message>
    <message>
        <source>You have joined from somewhere else.</source>
        <translation>你已从别处加入。</translation>
    </message>
    <message>
        <source>The host has closed the chat.</source>
        <translation>主持人已关闭聊天。</translation>
    </message>
    <message>
        <source>There is no chat at this address.</source>
        <translation>此地址没有聊天。</translation>
    </message>
    <message>
        <source>Nobody answers at this address.</source>
        <translation>此地址没有应答。</translation>
    </message>
    <message>
        <source>This address cannot be reached.</source>
        <translation>无法连接此地址。</translation>
    </message>
    <message>
        <source>The connection was lost.</source>
        <translation>连接已断开。</translation>
    </message>
    <message>
        <source>%1 left</source>
        <translation>%1 离开了聊天</translation>
    </message>
    <message>
        <source>%1 lost the connection</source>
        <translation>%1 掉线了</translation>
    </message>
    <message>
        <source>%1 was removed</source>
        <translation>%1 被移除</translation>
    </message>
    <message>
        <source>%1 cannot be read</source>
        <translation>无法读取 %1</translation>
    </message>
    <message>
        <source>%1 is larger than %2</source>
        <translation>%1 超过了 %2</translation>
    </message>
    <message>
        <source>%1 was not sent: too many files are waiting</source>
        <translation>未发送 %1：等待的文件过多</translation>
    </message>
    <message>
        <source>%1 was not sent: there is no connection</source>
        <translation>未发送 %1：没有连接</translation>
    </message>
    <message>
        <source>%1, waiting</source>
        <translation>%1，等待中</translation>
    </message>
    <message>
        <source>%1 of %2</source>
        <translation>%1 / %2</translation>
    </message>
    <message>
        <source>%1, cancelled</source>
        <translation>%1，已取消</translation>
    </message>
    <message>
        <source>%1, connection lost</source>
        <translation>%1，连接已断开</translation>
    </message>
    <message>
        <source>%1, no room for it</source>
        <translation>%1，空间不足</translation>
    </message>
</context>
</TS>
